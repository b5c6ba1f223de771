"""Queries by rules, from a split pool and from plain passages."""

from __future__ import annotations

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.documents.splits import Split
from embedtune.errors import ConfigError, DataError
from embedtune.synthesis.query_sampler import (
    build_pool,
    held_out_kind,
    judged_documents,
    sample_queries,
    synthesize_queries,
    train_kinds,
    with_labelled,
)
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.types import SPLITS, Document, Passage, Query, QuerySet, Source

TEXT = (
    "The pressure valve of the K{0} boiler is open at {1} bar. Brass fittings tolerate {2} degrees in the K{0} boiler."
)
TEXTS = {f"p{n}": TEXT.format(n, n * 3, n * 40) for n in range(40)}
PASSAGES = [Passage(name, f"d{name}", f"Boiler {name}", text, 0, len(text)) for name, text in TEXTS.items()]


@pytest.fixture(scope="module")
def pool():
    documents = [Document(passage.document_id, "", passage.text) for passage in PASSAGES]
    copy = PASSAGES[0]._replace(passage_id="copy", document_id="other")
    return build_pool(PASSAGES, documents, [copy], shares={"train": 0.5, "dev": 0.25, "test": 0.25}, seed=0)


def test_every_passage_of_the_pool_is_in_one_split(pool):
    assert [len(pool.of_split(name)) for name in SPLITS] == [20, 10, 10]
    assert pool.copies["p0"] == ["p0", "copy"]
    assert pool.copies["p1"] == ["p1"]


def test_the_held_out_kind_is_for_dev_and_test_alone(pool):
    config = GenerateConfig(source="x", kinds=("span", "keyphrase"), held_out_kind="keyphrase")
    statistics = CorpusStatistics(passage.full_text for passage in PASSAGES)
    queries, dropped = sample_queries(pool, statistics, config)
    assert {name: {query.kind for query in queries[name].queries} for name in SPLITS} == {
        "train": {"span"},
        "dev": {"keyphrase"},
        "test": {"keyphrase"},
    }
    assert set(dropped) == {"not_language", "boilerplate", "duplicate", "fits_anywhere", "round_trip"}
    of_first = [judged for labelled in queries.values() for judged in labelled.qrels.values() if "p0" in judged]
    assert of_first
    assert all(judged == {"p0": 1, "copy": 1} for judged in of_first)


@pytest.mark.parametrize(
    ("settings", "kinds", "held_out"),
    [
        ({}, ["heading", "span", "sentence"], "keyphrase"),
        ({"kinds": ("keyphrase",)}, [], None),
        ({"queries_from": "source"}, ["heading", "span", "sentence"], None),
        ({"generator": "llm", "llm": {"name": "openai:x"}}, ["heading", "span", "sentence"], "task"),
    ],
)
def test_kinds_of_train_and_of_dev(settings, kinds, held_out):
    config = GenerateConfig(source="x", **settings)
    assert train_kinds(config) == kinds
    assert held_out_kind(config) == held_out


def test_queries_from_plain_passages_lead_back_to_them():
    made = synthesize_queries(PASSAGES, kinds=["span", "heading"], per_kind=1, seed=3)
    assert {query.kind for query in made.queries} == {"span", "heading"}
    assert made.qrels.keys() == {query.query_id for query in made.queries}
    assert {grade for judged in made.qrels.values() for grade in judged.values()} == {1}
    assert made.judged_unit == "passage"
    assert synthesize_queries(iter(PASSAGES), kinds=["span", "heading"], per_kind=1, seed=3) == made
    assert synthesize_queries(PASSAGES, kinds=["span", "heading"], per_kind=1, seed=4) != made


def test_texts_by_id_are_passages_without_a_title():
    made = synthesize_queries(TEXTS, kinds=["heading", "sentence"])
    assert {query.kind for query in made.queries} == {"sentence"}
    assert {name for judged in made.qrels.values() for name in judged} <= TEXTS.keys()


def test_copies_are_relevant_too():
    made = synthesize_queries({**TEXTS, "copy": TEXTS["p1"]}, kinds=["span"])
    assert {"p1": 1, "copy": 1} in made.qrels.values()


@pytest.mark.parametrize(("settings", "message"), [({"kinds": ["spam"]}, "found spam"), ({"per_kind": 0}, "found 0")])
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        synthesize_queries(TEXTS, **settings)


JUDGED_PASSAGES = [
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


def added(given, synthetic=SYNTHETIC, *, splits=SPLITS, passages=JUDGED_PASSAGES):
    return with_labelled(
        synthetic, given, SPLIT, splits, passages=passages, stream=lambda: JUDGED_PASSAGES, example="d0", seed=0
    )


def ids(queries):
    return {name: [query.query_id for query in queries[name].queries] for name in SPLITS}


def test_without_labelled_queries_nothing_changes():
    assert added(source()) is SYNTHETIC
    assert added(source(train={"q": {"d0": 1}}), splits=("test",)) is SYNTHETIC


def test_own_test_queries_take_the_place_of_synthetic_ones():
    queries = added(source(test={"q": {"d1": 2, "d2": 0}}))
    assert ids(queries) == {"train": ["s-train"], "dev": ["s-dev"], "test": ["q"]}
    assert queries["test"].qrels["q"] == {"p2": 2, "p3": 2, "p4": 0, "p5": 0}


def test_own_test_queries_leave_no_split_of_synthetic_ones_empty():
    train = [Query(f"s{number}", "x", "span") for number in range(20)]
    synthetic = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
    synthetic["train"] = QuerySet("train", train, {query.query_id: {"p0": 1} for query in train}, "passage")
    queries = added(source(test={"q": {"d1": 2}}), synthetic)
    assert [len(queries[name].queries) for name in SPLITS] == [18, 2, 1]


def test_train_queries_are_dealt_by_the_side_of_their_best_answers():
    queries = added(source(train={"a": {"d0": 1}, "b": {"d2": 1}, "both": {"d0": 1, "d2": 2}, "gone": {"d9": 1}}))
    assert ids(queries) == {"train": ["s-train", "a"], "dev": ["b", "both", "s-dev"], "test": ["s-test"]}


@pytest.mark.parametrize(("document", "full", "empty"), [("d0", "train", "dev"), ("d2", "dev", "train")])
def test_of_two_labelled_queries_one_is_for_dev(document, full, empty):
    nothing = {name: QuerySet(name, [], {}, "passage") for name in ("train", "dev", "test")}
    queries = added(source(train={"a": {document: 1}, "b": {document: 1}}), nothing)
    assert ids(queries) == {full: ["a"], empty: ["b"], "test": []}


def test_a_dev_split_of_the_source_is_kept_with_synthetic_queries_beside_few_of_people():
    queries = added(source(train={"a": {"d2": 1}}, dev={"b": {"d0": 1}}))
    assert ids(queries) == {"train": ["s-train", "a"], "dev": ["b", "s-dev"], "test": ["s-test"]}
    assert queries["dev"].qrels == {"b": {"p0": 1, "p1": 1}, "s-dev": {"p0": 1}}
    enough = {f"b{number}": {"d0": 1} for number in range(20)}
    assert ids(added(source(train={"a": {"d2": 1}}, dev=enough)))["dev"] == list(enough)


def test_a_streamed_corpus_gives_the_same():
    given = source(train={"a": {"d0": 1}, "b": {"d2": 1}}, test={"q": {"d1": 2}})
    assert added(given, passages=None) == added(given)


def test_judgements_of_other_documents_are_refused():
    with pytest.raises(DataError, match="own: qrels of test"):
        added(source(test={"q": {"elsewhere": 1}}))


def test_all_judged_documents_are_named():
    given = source(train={"a": {"d0": 1, "d1": 0}}, test={"q": {"d2": 1}})
    assert judged_documents(given, ("train", "dev")) == {"d0", "d1"}
