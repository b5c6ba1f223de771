"""Queries that came with a source, beside synthetic ones."""

from __future__ import annotations

import pytest

from embedtune.documents.splits import Split
from embedtune.errors import DataError
from embedtune.synthesis.labelled import judged_documents, with_labelled
from embedtune.types import SPLITS, Passage, Query, QuerySet, Source

PASSAGES = [
    Passage(f"p{n}", f"d{n // 2}", "", f"Pump {n} of hall {n % 3} runs {n * n} hours a year.", 0, 9) for n in range(6)
]
SPLIT = Split({"p0": "train", "p1": "train", "p2": "train", "p3": "train", "p4": "dev", "p5": "dev"}, "document")
SYNTHETIC = {
    name: QuerySet(name, [Query(f"s-{name}", "x", "span")], {f"s-{name}": {"p0": 1}}, "passage") for name in SPLITS
}


def source(**qrels):
    queries = {
        split: QuerySet("own", [Query(name, f"query {name}", "source") for name in judged], judged, "document")
        for split, judged in qrels.items()
    }
    return Source("own", [], ready_made=False, queries=queries)


def added(given, splits=SPLITS, passages=PASSAGES):
    return with_labelled(SYNTHETIC, given, SPLIT, splits, passages=passages, stream=lambda: PASSAGES, example="d0")


def ids(queries):
    return {name: [query.query_id for query in queries[name].queries] for name in SPLITS}


def test_without_labelled_queries_nothing_changes():
    assert added(source()) is SYNTHETIC
    assert added(source(train={"q": {"d0": 1}}), splits=("test",)) is SYNTHETIC


def test_own_test_queries_take_the_place_of_synthetic_ones():
    queries = added(source(test={"q": {"d1": 2, "d2": 0}}))
    assert ids(queries) == {"train": ["s-train"], "dev": ["s-dev"], "test": ["q"]}
    assert queries["test"].qrels["q"] == {"p2": 2, "p3": 2, "p4": 0, "p5": 0}


def test_train_queries_are_dealt_by_the_side_of_their_documents():
    queries = added(source(train={"a": {"d0": 1}, "b": {"d2": 1}, "both": {"d0": 1, "d2": 1}, "gone": {"d9": 1}}))
    assert ids(queries) == {"train": ["s-train", "a"], "dev": ["b"], "test": ["s-test"]}


def test_a_dev_split_of_the_source_is_kept():
    queries = added(source(train={"a": {"d2": 1}}, dev={"b": {"d0": 1}}))
    assert ids(queries) == {"train": ["s-train", "a"], "dev": ["b"], "test": ["s-test"]}


def test_a_streamed_corpus_gives_the_same():
    given = source(train={"a": {"d0": 1}, "b": {"d2": 1}}, test={"q": {"d1": 2}})
    assert added(given, passages=None) == added(given)


def test_judgements_of_other_documents_are_refused():
    with pytest.raises(DataError, match="own: qrels of test"):
        added(source(test={"q": {"elsewhere": 1}}))


def test_all_judged_documents_are_named():
    given = source(train={"a": {"d0": 1, "d1": 0}}, test={"q": {"d2": 1}})
    assert judged_documents(given, ("train", "dev")) == {"d0", "d1"}
