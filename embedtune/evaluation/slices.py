"""Where a gain comes from: the same comparison by kind of query, by lexical overlap, by length, by document.

Slices are for looking, not for claiming: with twenty of them one has p ≤ 0.05 by chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedtune.evaluation.significance import Comparison, compare
from embedtune.text.analyzer import lexical_terms
from embedtune.types import Floats, Qrels, Query

MIN_QUERIES = 30
"""Below this a slice gets no interval and no p: a handful of changed queries would decide both."""

MIN_CLUSTERS = 20
"""The same for documents: the coverage of the interval was simulated from 20 clusters up (``docs/verdict.md``)."""


class Slice(NamedTuple):
    """The difference on some of the queries.

    Attributes:
        name: The label they share.
        n_queries: How many.
        base: Mean score of the base.
        tuned: Mean score of the tuned model.
        difference: ``tuned`` - ``base``.
        low: Lower end of the 95 % interval; None for too few queries or clusters.
        high: Upper end, likewise.
        p: Of the clustered randomisation test, uncorrected, likewise.
    """

    name: str
    n_queries: int
    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    p: float | None


def by_kind(queries: Sequence[Query]) -> list[str]:
    """Label each query with how it was made."""
    return [query.kind for query in queries]


def by_overlap(ranks: Sequence[int | None]) -> list[str]:
    """Label each query with where BM25 has its best relevant unit: ``1``, ``2-10`` or ``>10``.

    What BM25 finds first shares its words with the query; a dense model earns its keep on the others.

    Args:
        ranks: Rank from 1 of the best relevant unit of each query; None where BM25 does not return it.
    """
    return [">10" if rank is None or rank > 10 else "1" if rank == 1 else "2-10" for rank in ranks]


def by_length(queries: Sequence[Query]) -> list[str]:
    """Label each query with its number of terms: ``1-3``, ``4-8`` or ``9+``."""
    counts = (len(lexical_terms(query.text)) for query in queries)
    return ["9+" if count > 8 else "4-8" if count > 3 else "1-3" for count in counts]


def by_document(qrels: Qrels, documents: Mapping[str, str] | None = None) -> list[str]:
    """Label each query with the document that answers it, in the order of the qrels; these labels are also the clusters.

    Of several the one with the highest grade, of equals the first; an empty label where nothing is relevant.

    Args:
        qrels: Judgements.
        documents: Passage id → document id, where the qrels judge passages.
    """
    labels = []
    for grades in qrels.values():
        best = max(grades, key=lambda unit: grades[unit], default=None)
        relevant = best is not None and grades[best] > 0
        labels.append("" if best is None or not relevant else documents[best] if documents else best)
    return labels


def summarise(
    labels: Sequence[str], base: Floats, tuned: Floats, clusters: ArrayLike | None = None, *, seed: int = 0
) -> list[Slice]:
    """Compare tuned and base on each slice, in the order in which labels first appear.

    Args:
        labels: Of each query.
        base: Score of each query with the base, ``(n_queries,)``.
        tuned: The same with the tuned model.
        clusters: Document of each query, ``(n_queries,)``; None takes queries for independent.
        seed: Of the resamples.
    """
    names = np.asarray(labels)
    groups = np.arange(len(names)) if clusters is None else np.asarray(clusters)
    return [_summarise(name, names == name, base, tuned, groups, seed) for name in dict.fromkeys(labels)]


def _summarise(
    name: str, chosen: NDArray[np.bool_], base: Floats, tuned: Floats, clusters: NDArray[np.generic], seed: int
) -> Slice:
    before, after, groups = base[chosen], tuned[chosen], clusters[chosen]
    means = float(before.mean()), float(after.mean())
    found: Comparison | None = None
    if len(before) >= MIN_QUERIES and len(np.unique(groups)) >= MIN_CLUSTERS:
        pair = ("tuned", "base")
        scores = {"base": {"score": before}, "tuned": {"score": after}}
        found = compare(scores, [pair], groups, seed=seed)[pair]["score"]
    return Slice(
        name,
        len(before),
        *means,
        means[1] - means[0],
        low=found and found.low,
        high=found and found.high,
        p=found and found.p,
    )
