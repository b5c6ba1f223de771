"""Where a gain comes from: the same comparison by kind of query, by lexical overlap, by length, by document.

Slices are exploratory: of twenty, one has p ≤ 0.05 by chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedtune.evaluation.significance import SystemScores, compare
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import Comparison, Slice
from embedtune.text.analyzer import lexical_terms
from embedtune.types import Qrels, Query

MIN_QUERIES = 30
"""Below this a slice gets no interval and no p: a handful of changed queries would decide both."""

MIN_CLUSTERS = 20
"""The same for documents: the coverage of the interval was simulated from 20 clusters up (``docs/verdict.md``)."""


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
    by: str,
    labels: Sequence[str],
    scores: SystemScores,
    pair: tuple[str, str],
    clusters: ArrayLike | None = None,
    *,
    measure: str = PRIMARY,
    seed: int = 0,
) -> list[Slice]:
    """Compare two systems on each slice, in the order in which labels first appear.

    Args:
        by: What the labels are.
        labels: Label of each query.
        scores: Of both systems.
        pair: System and reference.
        clusters: Document of each query, ``(n_queries,)``; None takes queries for independent.
        measure: The measure.
        seed: Of the resamples.
    """
    names = np.asarray(labels)
    groups = np.arange(len(names)) if clusters is None else np.asarray(clusters)
    return [
        _slice(by, name, {system: {measure: scores[system][measure][names == name]} for system in pair}, pair,
               groups[names == name], measure, seed)
        for name in dict.fromkeys(labels)
    ]  # fmt: skip


def _slice(
    by: str,
    name: str,
    scores: SystemScores,
    pair: tuple[str, str],
    clusters: NDArray[np.generic],
    measure: str,
    seed: int,
) -> Slice:
    mean, reference_mean = (float(scores[system][measure].mean()) for system in pair)
    test: Comparison | None = None
    if len(clusters) >= MIN_QUERIES and len(np.unique(clusters)) >= MIN_CLUSTERS:
        test = compare(scores, [pair], clusters, seed=seed)[pair][measure]
    return Slice(
        system=pair[0],
        reference=pair[1],
        measure=measure,
        by=by,
        name=name,
        n_queries=len(clusters),
        mean=mean,
        reference_mean=reference_mean,
        difference=mean - reference_mean,
        ci95=test and test.ci95,
        p=test and test.p,
    )
