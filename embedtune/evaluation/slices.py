"""Groups of queries: clusters for the statistics, by document or section, and slices for exploration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from embedtune.documents.splits import section_bounds
from embedtune.evaluation.significance import SystemScores, compare
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import Comparison, Slice
from embedtune.text.analyzer import lexical_terms
from embedtune.types import Passage, Qrels, Query, QuerySet

MIN_QUERIES = 30
"""Below this a slice gets no interval and no p: a handful of changed queries would decide both."""

MIN_CLUSTERS = 20
"""The same for documents: the coverage of the interval was simulated from 20 clusters up (``docs/verdict.md``)."""


def by_overlap(ranks: Sequence[int | None]) -> list[str]:
    """Label each query with where BM25, with whose words it is easy, has its best relevant unit: ``1``, ``2-10`` or ``>10``."""
    return [">10" if rank is None or rank > 10 else "1" if rank == 1 else "2-10" for rank in ranks]


def by_length(queries: Sequence[Query]) -> list[str]:
    """Label each query with its number of terms: ``1-3``, ``4-8`` or ``9+``."""
    counts = (len(lexical_terms(query.text)) for query in queries)
    return ["9+" if count > 8 else "4-8" if count > 3 else "1-3" for count in counts]


def by_document(qrels: Qrels, documents: Mapping[str, str] | None = None) -> list[str]:
    """Label each query with the document that answers it, in the order of the qrels; these labels are also the clusters.

    Of several the one with the highest grade, of equals the first; an empty label where nothing is relevant. ``documents``
    (passage id → document id) is needed where the qrels judge passages.
    """
    best = [max(grades, key=lambda unit: grades[unit], default="") for grades in qrels.values()]
    return [
        "" if grades.get(unit, 0) <= 0 else documents[unit] if documents else unit
        for unit, grades in zip(best, qrels.values(), strict=True)
    ]


def summarise(
    by: str,
    labels: Sequence[str],
    scores: SystemScores,
    pair: tuple[str, str],
    clusters: ArrayLike | None = None,
    *,
    seed: int = 0,
) -> list[Slice]:
    """Compare a system and its reference by the primary measure on each slice, in the order in which labels first appear.

    ``labels`` and ``clusters``, ``(n_queries,)``, are those of each query; without clusters queries count as independent.
    """
    names = np.asarray(labels)
    groups = np.arange(len(names)) if clusters is None else np.asarray(clusters)
    rows = []
    for name in dict.fromkeys(labels):
        chosen = names == name
        mine = {system: {PRIMARY: scores[system][PRIMARY][chosen]} for system in pair}
        mean, reference_mean = (float(mine[system][PRIMARY].mean()) for system in pair)
        test: Comparison | None = None
        if chosen.sum() >= MIN_QUERIES and len(np.unique(groups[chosen])) >= MIN_CLUSTERS:
            test = compare(mine, [pair], groups[chosen], seed=seed)[pair][PRIMARY]
        row = Slice(
            system=pair[0],
            reference=pair[1],
            measure=PRIMARY,
            by=by,
            name=name,
            n_queries=int(chosen.sum()),
            mean=mean,
            reference_mean=reference_mean,
            difference=mean - reference_mean,
            ci95=test and test.ci95,
            p=test and test.p,
        )
        rows.append(row)
    return rows


class Grouping(NamedTuple):
    """The cluster of each query, a document or a section, and the document that answers it, in the same order."""

    labels: list[str]
    unit: str
    documents: list[str]

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return len(set(self.labels))


def group_queries(labelled: QuerySet, passages: Sequence[Passage]) -> Grouping:
    """Group queries by the document of their best relevant passage; under 20 documents by contiguous sections.

    Sections are those of ``queries.splits``, cut from the row of the passages that answer something. Documents stay the
    clusters where there would be no more sections than documents, and where the judgements name no passages. The judgements
    name only what is in the corpus, whose passages come in document order.
    """
    if labelled.judged_unit == "document":
        documents = by_document(labelled.qrels)
        return Grouping(documents, "document", documents)
    documents = by_document(labelled.qrels, {passage.passage_id: passage.document_id for passage in passages})
    n_documents = len(set(documents))
    if n_documents < MIN_CLUSTERS:
        sections = _sections(by_document(labelled.qrels), passages)
        if len(set(sections)) > n_documents:
            return Grouping(sections, "section", documents)
    return Grouping(documents, "document", documents)


def _sections(answers: Sequence[str], passages: Sequence[Passage]) -> list[str]:
    """Return the section of each answering passage; an empty label where nothing answers."""
    answering = set(answers)
    row = [passage.passage_id for passage in passages if passage.passage_id in answering]
    section = {
        passage_id: f"section {number}"
        for number, (start, end) in enumerate(pairwise(section_bounds(len(row))), start=1)
        for passage_id in row[start:end]
    }
    return [section.get(answer, "") for answer in answers]
