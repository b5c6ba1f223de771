"""Differences such as retrieval gives: most of them 0, the rest alike within a document."""

from __future__ import annotations

import numpy as np

PLACES = np.array([*(1 / rank for rank in range(1, 11)), 0.0])


def documents_of(n_documents: int, generator: np.random.Generator, mean_size: int = 5) -> np.ndarray:
    """Return the document of each query; documents have a geometric number of queries."""
    return np.repeat(np.arange(n_documents), np.minimum(generator.geometric(1 / mean_size, n_documents), 30))


def rank_scores(n_rows: int, documents: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return reciprocal ranks of two exchangeable systems, ``(2, n_rows, n_queries)``, that share documents and queries."""
    n_queries, n_documents = len(documents), documents.max() + 1
    shared = 0.6 + 1.6 * generator.standard_normal((n_rows, n_queries))
    own = [
        0.4 * generator.standard_normal((n_rows, n_queries))
        + 0.3 * generator.standard_normal((n_rows, n_documents))[:, documents]
        for _ in range(2)
    ]
    places = [np.minimum(np.floor(np.exp(shared + noise)), 10).astype(int) for noise in own]
    return PLACES[np.array(places)]


def hits(n_rows: int, documents: np.ndarray, generator: np.random.Generator, changed: float, better: float):
    """Return differences of -1, 0 and 1 that are correlated within documents, ``(n_rows, n_queries)``."""
    n_documents = documents.max() + 1
    rates = [
        generator.beta(4 * rate, 4 * (1 - rate), (n_rows, n_documents))[:, documents] for rate in (changed, better)
    ]
    draws = generator.random((2, n_rows, len(documents)))
    return (draws[0] < rates[0]) * np.where(draws[1] < rates[1], 1.0, -1.0)
