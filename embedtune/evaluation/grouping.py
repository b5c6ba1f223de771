"""Clusters of queries: by the document that answers them, or by section where there are few documents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from embedtune.documents.splits import section_bounds
from embedtune.evaluation.slices import MIN_CLUSTERS, by_document
from embedtune.types import Passage, QuerySet


class Grouping(NamedTuple):
    """The cluster of each query.

    Attributes:
        labels: In the order of the qrels.
        unit: ``document`` or ``section``: what a cluster is.
        documents: The document that answers each query, in the same order.
    """

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
    clusters where there would be no more sections than documents, and where the judgements name no passages.

    Args:
        labelled: Queries with judgements, none of which names what is not in the corpus.
        passages: The corpus, in document order.
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
