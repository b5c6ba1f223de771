from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.evaluation.measures import per_query
from embedtune.reports.examples import MOST, excerpt, find_examples, mark, terms_of, unwrapped
from embedtune.reports.rendering import cut, visible
from embedtune.text.analyzer import Analyzer, lexical_terms
from embedtune.types import Passage, Query, QuerySet


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\ttext\nwith lines", "plain\ttext\nwith lines"),
        ("a\u202eb", "a‹U+202E›b"),
        ("\u2066\u200b\ufeff\0\x9f", "‹U+2066›‹U+200B›‹U+FEFF›‹U+0000›‹U+009F›"),
        ("\ud800 alone", "‹U+D800› alone"),
        ("tag\U000e0041", "tag‹U+E0041›"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),  # Persian needs its non-joiner
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("a" + "\u0301" * 50, "a" + "\u0301" * 4),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\n\n\n \n\ntwo", "one\n\ntwo"),
    ],
)  # fmt: skip
def test_hidden_characters_are_named_and_others_stay(text, seen):
    assert visible(text) == seen
    assert visible(seen) == seen
    seen.encode("utf-8")


def test_cut():
    assert cut("refund", 6) == "refund"
    assert cut("a refund", 3) == "a…"
    assert len(cut("x" * 100, 10)) == 10


ENGLISH = Analyzer.of(
    ["the refund of the card is what you get in the end of it and that is all there is to it"] * 3
).query


def shared(query, text, analyse=ENGLISH):
    return [piece.text for piece in mark(text, terms_of(query, analyse), analyse) if piece.shared]


def test_words_are_marked_by_their_stem_and_stop_words_are_not():
    assert shared("how are the cards refunded", "The refund of a Card: refunding cards.") == [
        "refund", "Card", "refunding", "cards",
    ]  # fmt: skip


def test_identifiers_are_marked_by_their_parts():
    assert shared("write a boolean", "call writeBoolean on it") == ["writeBoolean"]


def test_scripts_without_spaces_are_marked_two_characters_at_a_time():
    assert shared("東京の天気", "京都と東京都", lexical_terms) == ["東京"]
    assert shared("東京都", "東京都庁", lexical_terms) == ["東京都"]  # two pairs that overlap


@given(st.text(max_size=80), st.text(max_size=20))
def test_the_pieces_are_the_text(text, query):
    assert "".join(piece.text for piece in mark(text, terms_of(query, lexical_terms), lexical_terms)) == text


def test_an_excerpt_begins_where_words_are_shared():
    text = "filler words. " * 100 + "The refund takes a week. " + "more of it. " * 100
    taken = excerpt(text, terms_of("refund", ENGLISH), ENGLISH, 300)
    assert "refund" in taken
    assert taken.startswith("…") and taken.endswith("…") and len(taken) <= 302
    assert excerpt("short refund", {"refund"}, ENGLISH, 300) == "short refund"
    assert excerpt(text, {"nothing"}, ENGLISH, 300).startswith("filler words.")
    assert len(excerpt("x" * 5000, set(), ENGLISH, 300)) == 301


def test_lines_that_were_broken_to_fit_a_page_run_on():
    long = "This sentence fills its line up to the margin of the page"
    assert unwrapped(f"{long}\nand goes on.\n\nNew\nlist:\n* {long}\n* two") == (
        f"{long} and goes on.\n\nNew\nlist:\n* {long}\n* two"
    )
    assert unwrapped(f"{long}\n    x = 1") == f"{long}\n    x = 1"
    assert unwrapped(f"{long} | cell\nrow") == f"{long} | cell\nrow"
    assert unwrapped(f"{long}\n{long}\n{long}") == f"{long} {long} {long}"


N = 30
PASSAGES = [
    Passage(f"p{number}", f"d{number // 2}", "Care", f"Clean part {number} of the machine with water.", 0, 40)
    for number in range(N)
]
QUERIES = [Query(f"q{number}", f"clean part {number}", "span") for number in range(N)]


def run(best):
    """Return a run whose first passage for a query is given, the right one else."""
    return {f"q{n}": {f"p{best.get(n, n)}": 0.9, f"p{n}" if n in best else "p29": 0.5, "p28": 0.1} for n in range(N)}


@pytest.fixture(scope="module")
def found():
    queries = QuerySet("mine", QUERIES, {f"q{n}": {f"p{n}": 1} for n in range(N)}, "passage")
    runs = {"base": run({0: 5, 1: 5}), "tuned": run(dict.fromkeys(range(10, 25), 7))}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    return find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms)


def test_losses_and_wins_are_counted_and_the_biggest_shown(found):
    assert (found.n_better, found.n_worse, found.n_same) == (2, 15, 13)
    assert len(found.losses) == MOST
    assert [example.query_id for example in found.wins] == ["q1", "q0"]
    assert all(example.score_a < example.score_b for example in found.losses)
    assert {(example.rank_a, example.rank_b) for example in found.losses} == {(2, 1)}


def test_what_each_finds_first_stands_beside_the_other(found):
    first = found.wins[0].passages
    assert [(each.role, each.right, each.id) for each in first] == [
        ("First with base", False, "p5"),
        ("First with tuned", True, "p1"),
    ]
    marked = [text for text, shared in first[1].pieces if shared]
    assert marked == ["Clean", "part", "1"]
    assert "".join(text for text, _ in first[1].pieces) == PASSAGES[1].text


def test_where_neither_is_right_a_right_one_is_shown_too():
    queries = QuerySet("mine", QUERIES[:1], {"q0": {"p0": 1}}, "passage")
    runs = {"base": {"q0": {"p3": 0.9, "p4": 0.8, "p0": 0.7}}, "tuned": {"q0": {"p3": 0.9, "p0": 0.7}}}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    (win,) = find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms).wins
    assert [(each.role, each.id) for each in win.passages] == [
        ("First with both", "p3"),
        ("A right one", "p0"),
    ]


def test_of_a_document_the_closest_passage_is_shown():
    queries = QuerySet("mine", [Query("q", "water part 3", "source")], {"q": {"d1": 1}}, "document")
    runs = {"base": {"q": {"d0": 0.9, "d1": 0.5}}, "tuned": {"q": {"d1": 0.9}}}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    (win,) = find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms).wins
    assert [each.id for each in win.passages] == ["p0", "p3"]


def test_a_judged_document_that_is_not_in_the_corpus_is_passed_over():
    queries = QuerySet("mine", QUERIES[:2], {"q0": {"gone": 1}, "q1": {"p1": 1}}, "passage")
    runs = {"base": {"q0": {"p0": 1.0}, "q1": {"p2": 1.0}}, "tuned": {"q0": {}, "q1": {"p1": 1.0}}}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    found = find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms)
    assert [example.query_id for example in found.wins] == ["q1"]
