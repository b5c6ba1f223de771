from __future__ import annotations

from embedtune.evaluation.grouping import group_queries
from embedtune.types import Passage, Query, QuerySet


def corpus(n_documents: int, per_document: int) -> list[Passage]:
    return [
        Passage(f"p{document}-{number}", f"d{document:02d}", "", "text", 0, 4)
        for document in range(n_documents)
        for number in range(per_document)
    ]


def labelled(*judged: dict[str, int], judged_unit: str = "passage") -> QuerySet:
    queries = [Query(f"q{number}", "text", "span") for number in range(len(judged))]
    return QuerySet("dev", queries, dict(zip((query.query_id for query in queries), judged, strict=True)), judged_unit)


def test_queries_of_one_document_are_one_cluster():
    passages = corpus(25, 2)
    found = group_queries(labelled(*({passage.passage_id: 1} for passage in passages)), passages)
    assert found.unit == "document"
    assert found.labels == found.documents == [passage.document_id for passage in passages]
    assert found.n_clusters == 25


def test_few_documents_are_cut_into_contiguous_sections_of_what_answers():
    passages = corpus(2, 100)
    asked = passages[::2]
    found = group_queries(labelled(*({passage.passage_id: 1} for passage in reversed(asked))), passages)
    assert (found.unit, found.n_clusters) == ("section", 20)
    assert found.labels[::-1] == sorted(found.labels, key=lambda label: int(label.split()[1]))
    assert found.labels[-1] == "section 1"
    assert set(found.documents) == {"d00", "d01"}


def test_sections_must_be_more_than_the_documents():
    passages = corpus(3, 3)
    found = group_queries(labelled(*({passage.passage_id: 1} for passage in passages)), passages)
    assert (found.unit, found.n_clusters) == ("document", 3)


def test_the_best_passage_decides():
    passages = corpus(25, 1)
    judged = [{passages[-1].passage_id: 1, passage.passage_id: 2} for passage in passages[:-1]]
    assert group_queries(labelled(*judged), passages).n_clusters == 24


def test_judgements_of_documents_know_no_sections():
    found = group_queries(labelled({"d00": 1}, {"d01": 1}, {"d01": 0}, judged_unit="document"), corpus(2, 60))
    assert (found.unit, found.labels) == ("document", ["d00", "d01", ""])
