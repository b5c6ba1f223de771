from __future__ import annotations

import numpy as np
import pytest

from embedtune.evaluation.significance import compare
from embedtune.evaluation.slices import (
    MIN_CLUSTERS,
    MIN_QUERIES,
    by_document,
    by_length,
    by_overlap,
    group_queries,
    summarise,
)
from embedtune.types import Passage, Query, QuerySet


def queries(*texts: str) -> list[Query]:
    return [Query(f"q-{number}", text, "heading" if number % 2 else "span") for number, text in enumerate(texts)]


def test_overlap_is_where_bm25_finds_the_answer():
    assert by_overlap([1, 2, 10, 11, None]) == ["1", "2-10", "2-10", ">10", ">10"]


def test_length_counts_terms():
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    texts = [" ".join(words[:n]) for n in (1, 3, 4, 8, 9)]
    assert by_length(queries(*texts, "What's this?", "")) == ["1-3", "1-3", "4-8", "4-8", "9+", "1-3", "1-3"]


def test_document_is_that_of_the_best_answer():
    qrels = {"q": {"p1": 1, "p2": 2, "p3": 2}, "r": {"p1": 1}, "s": {"p1": 0}, "t": {}}
    assert by_document(qrels) == ["p2", "p1", "", ""]
    assert by_document(qrels, {"p1": "a.md", "p2": "b.md", "p3": "c.md"}) == ["b.md", "a.md", "", ""]


def summarised(labels, base, tuned, clusters=None, seed=0):
    scores = {"base": {"ndcg@10": base}, "tuned": {"ndcg@10": tuned}}
    return summarise("kind", labels, scores, ("tuned", "base"), clusters, seed=seed)


def test_small_slices_have_means_only():
    base, tuned = np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.5])
    rows = summarised(["b", "a", "b"], base, tuned)
    assert [(row.name, row.n_queries, row.reference_mean, row.mean, row.difference) for row in rows] == [
        ("b", 2, 0.5, 0.75, 0.25),
        ("a", 1, 0.5, 0.5, 0.0),
    ]
    assert [(row.ci95, row.p) for row in rows] == [(None, None)] * 2


def test_large_slices_are_compared_within_themselves():
    generator = np.random.default_rng(0)
    labels, documents = ["x", "y"] * 60, np.arange(120) // 3
    base, tuned = generator.random((2, 120))
    found = summarised(labels, base, tuned, documents, seed=4)
    for start, one in enumerate(found):
        pick = slice(start, None, 2)
        scores = {"base": {"ndcg@10": base[pick]}, "tuned": {"ndcg@10": tuned[pick]}}
        expected = compare(scores, [("tuned", "base")], documents[pick], seed=4)["tuned", "base"]["ndcg@10"]
        assert (one.name, one.n_queries) == ("xy"[start], 60)
        assert (one.reference_mean, one.mean) == (expected.reference_mean, expected.mean)
        assert one.difference == pytest.approx(expected.difference)
        assert (one.ci95, one.p) == (expected.ci95, expected.p)


@pytest.mark.parametrize(
    ("n_queries", "n_documents", "told"),
    [
        (MIN_QUERIES, MIN_QUERIES, True),
        (MIN_QUERIES - 1, MIN_QUERIES - 1, False),
        (10 * MIN_QUERIES, MIN_CLUSTERS, True),
        (10 * MIN_QUERIES, MIN_CLUSTERS - 1, False),
    ],
)
def test_interval_needs_queries_and_documents(n_queries, n_documents, told):
    base, tuned = np.random.default_rng(1).random((2, n_queries))
    (one,) = summarised(["all"] * n_queries, base, tuned, np.arange(n_queries) % n_documents)
    assert [value is not None for value in (one.ci95, one.p)] == [told] * 2


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
