"""Judged queries as pairs of passage and query."""

import pytest

from embedtune.synthesis.writer.pairs import Pair, hold_out, judged_pairs, pairs_of, sample
from embedtune.types import Document, Place, Query, QuerySet, Source

TEXT = "Fill the tank with cold tap water. " * 40


def queries(name, judged):
    return QuerySet(
        name,
        [Query(text, text, "source") for text in judged],
        dict(judged),
        "document",
    )


def test_a_query_goes_with_its_best_graded_passage():
    judged = queries("train", {"cold water": {"a": 1, "b": 2}, "descale": {"a": 0}, "no text": {"c": 1}})
    assert judged_pairs([judged], {"a": "A", "b": "B"}, 0) == [Pair("cold water", "B", "b")]


def test_equal_queries_count_once_and_very_long_ones_not():
    judged = queries("train", {"cold  water": {"a": 1}, "cold water": {"a": 1}, "x " * 200: {"a": 1}})
    assert [pair.query for pair in judged_pairs([judged], {"a": "A"}, 0)] == ["cold water"]


def test_one_of_several_best_passages_is_drawn_the_same_each_time():
    judged = queries("train", {f"query {number}": {"a": 1, "b": 1} for number in range(20)})
    texts = {"a": "A", "b": "B"}
    assert judged_pairs([judged], texts, 0) == judged_pairs([judged], texts, 0)
    assert {pair.unit for pair in judged_pairs([judged], texts, 0)} == {"a", "b"}


def test_test_queries_are_never_read():
    source = Source(
        "s",
        [Document("a", "Kettles", TEXT), Document("b", "", "Cold drinks.")],
        ready_made=True,
        queries={"train": queries("train", {"one": {"a": 1}}), "dev": queries("dev", {"two": {"b": 1}}),
                 "test": queries("test", {"three": {"a": 1}})},
    )  # fmt: skip
    assert [(pair.query, pair.passage[:12]) for pair in pairs_of(source, 0)] == [
        ("one", "Kettles\nFill"), ("two", "Cold drinks.")
    ]  # fmt: skip


def test_a_judged_text_comes_with_what_stands_around_it():
    start = TEXT.index("cold", 600)
    source = Source(
        "s",
        [Document("a", "Kettles", TEXT)],
        ready_made=False,
        queries={"train": queries("train", {"one": {"cold tap": 1}})},
        places={"cold tap": [Place("a", start, start + 8)]},
    )
    (pair,) = pairs_of(source, 0)
    title, text = pair.passage.split("\n")
    assert title == "Kettles"
    assert text in TEXT
    assert "cold tap" in text
    assert 300 < len(text) <= 520
    assert TEXT[TEXT.index(text) - 1] == " "


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_no_passage_is_learned_from_and_measured_on(share):
    pairs = [Pair(f"query {number}", "text", f"p{number // 3}") for number in range(60)]
    train, held_out = hold_out(pairs, share, 0)
    assert sorted([*train, *held_out]) == sorted(pairs)
    assert not {pair.unit for pair in train} & {pair.unit for pair in held_out}
    assert len(held_out) == pytest.approx(share * 60, abs=3)
    assert hold_out(pairs, share, 0) == (train, held_out)
    assert hold_out(pairs, share, 1) != (train, held_out)


def test_queries_of_one_passage_cannot_be_held_out():
    assert hold_out([Pair("a", "t", "p"), Pair("b", "t", "p")], 0.5, 0)[1] == []


def test_a_sample_keeps_the_order():
    pairs = [Pair(f"{number:02}", "text", "p") for number in range(50)]
    assert sample(pairs, None, 0) == sample(pairs, 50, 0) == pairs
    some = sample(pairs, 10, 0)
    assert len(some) == 10
    assert some == sorted(some)
    assert sample(pairs, 10, 1) != some
