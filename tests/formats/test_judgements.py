"""Judgements against a corpus, and identical texts under two ids."""

from __future__ import annotations

import logging

import pytest

from embedtune.errors import DataError
from embedtune.formats.judgements import (
    check_judged,
    identical_passages,
    own_passages,
    own_units,
    share_judgements,
    with_answers,
)
from embedtune.types import Passage, Query, QuerySet


def passage(name, text, document=None, title=""):
    return Passage(name, document or f"d-{name}", title, text, 0, len(text))


@pytest.fixture
def warnings(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("embedtune"), "propagate", True)
    return caplog


def labelled(qrels, judged_unit="passage"):
    return QuerySet("mine", [Query(name, "x", "source") for name in qrels], qrels, judged_unit)


def test_documents_that_are_not_here_are_counted_and_the_first_is_named(warnings):
    check_judged("qrels/test.tsv", {"q1": {"z": 1, "a": 1}, "q2": {"y": 0}}, ["a", "b"])
    assert warnings.messages == ["qrels/test.tsv: 2 judged documents are not in this corpus, such as 'y'"]


def test_missing_documents_are_named_with_the_lines_that_judge_them(warnings, tmp_path):
    file = tmp_path / "test.tsv"
    file.write_text("query-id\tcorpus-id\tscore\nq1\ta b\t1\nq1\tz\t1\nq2\tz\t1\n")
    check_judged("set", {"q1": {"a b": 1, "z": 1, "a": 1}}, ["a"], file)
    assert warnings.messages == ["set: 2 judged documents are not in this corpus, such as 'a b' (line 2), 'z' (line 3)"]


def test_queries_that_are_judged_negative_alone_are_counted_and_left_out(warnings):
    found = with_answers(labelled({"q1": {"a": 1, "b": -2}, "q2": {"a": 0}, "q3": {"b": -2}, "q4": {}}), "test.tsv")
    assert found.qrels == {"q1": {"a": 1, "b": -2}}
    assert [query.query_id for query in found.queries] == ["q1"]
    assert warnings.messages == ["test.tsv: 3 queries have no positive judgement and cannot be measured, such as 'q2'"]


def test_nothing_is_said_when_all_are_here(warnings):
    check_judged("x", {"q1": {"a": 1}}, ["a", "b"])
    assert warnings.messages == []


@pytest.mark.parametrize(
    ("qrels", "known", "found"),
    [
        ({"q": {"z": 1}}, ["b", "a"], r"such as 'a', found only others, such as \['z'\]"),
        ({}, ["a"], "found no judgement"),
        ({"q": {"z": 1}}, [], "of which there are none, found only others"),
    ],
)
def test_judgements_of_nothing_here_are_refused(qrels, known, found):
    with pytest.raises(DataError, match=found) as caught:
        check_judged("x", qrels, known)
    assert "corpus.jsonl" in caught.value.hint


def test_identical_passages_are_counted():
    assert identical_passages([passage("a", "x"), passage("b", "x"), passage("c", "x"), passage("d", "y")]) == 2
    assert identical_passages([passage("a", "x", title="One"), passage("b", "x", title="Two")]) == 0


def test_identical_passages_share_the_highest_grade():
    corpus = [passage("a", "x"), passage("b", "x"), passage("c", "y"), passage("d", "x")]
    shared = share_judgements(labelled({"q1": {"a": 1, "d": 2}, "q2": {"c": 1}, "q3": {"b": 0}}), corpus)
    assert shared.qrels == {"q1": {"a": 2, "b": 2, "d": 2}, "q2": {"c": 1}, "q3": {"a": 0, "b": 0, "d": 0}}


def test_documents_are_identical_when_all_their_passages_are():
    corpus = [
        passage("a", "x", "one"), passage("b", "y", "one"), passage("c", "x", "two"), passage("d", "y", "two"),
        passage("e", "x", "three"),
    ]  # fmt: skip
    shared = share_judgements(labelled({"q": {"two": 1}}, "document"), corpus)
    assert shared.qrels == {"q": {"one": 1, "two": 1}}


def test_what_is_judged_and_not_here_stays():
    given = labelled({"q": {"gone": 1}})
    assert share_judgements(given, [passage("a", "x"), passage("b", "x")]) == given
    assert given.qrels == {"q": {"gone": 1}}


@pytest.mark.parametrize("judged_unit", ["passage", "document"])
def test_a_query_is_the_passage_with_its_id_or_text(judged_unit):
    corpus = [
        passage("p0", "Zoos are  good.", "zoos"), passage("p1", "Else.", "byid", "Another title"), passage("p2", "here", "titled", "Stands"),
        passage("p3", "Two parts,", "long"), passage("p4", "in one.", "long"), passage("p5", "Two parts, in one.", "long2"),
    ]  # fmt: skip
    texts = {
        "q": "zoos are good.",
        "byid": "another title",
        "titled?": "stands here",
        "both": "two parts, in one.",
        "none": "x",
    }
    labels = QuerySet(
        "mine", [Query(*row, "source") for row in texts.items()], {name: {} for name in texts}, judged_unit
    )
    own = own_units(labels, corpus)
    assert (
        own
        == {
            "passage": {"q": {"p0"}, "byid": {"p1"}, "titled?": {"p2"}, "both": {"p5"}},
            "document": {"q": {"zoos"}, "byid": {"byid"}, "titled?": {"titled"}, "both": {"long", "long2"}},
        }[judged_unit]
    )
    numbers = own_passages(labels, corpus)
    assert sorted(numbers["both"]) == ([5] if judged_unit == "passage" else [3, 4, 5])
    assert numbers["none"] == []


def test_a_passage_that_is_judged_relevant_may_be_found_whatever_its_id_and_text():
    corpus = [passage("p1", "text", "q1"), passage("p2", "text", "q2"), passage("p3", "numbered alike", "1")]
    qrels = {"q1": {"p1": 1}, "q2": {"p2": 0}, "1": {"p1": 1}}
    texts = {"q1": "text", "q2": "text", "1": "numbered otherwise"}
    labels = QuerySet("mine", [Query(*row, "source") for row in texts.items()], qrels, "passage")
    assert own_units(labels, corpus) == {"q1": {"p2"}, "q2": {"p1", "p2"}}
