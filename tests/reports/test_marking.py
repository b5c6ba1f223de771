import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.reports.marking import cut, excerpt, mark, terms_of, unwrapped, visible
from embedtune.text.analyzer import Analyzer, lexical_terms


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


ENGLISH = Analyzer.of(["the refund of the card is what you get in the end of it and that is all there is to it"] * 3)


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
    assert shared("東京都", "東京都庁", lexical_terms) == ["東京", "都"]  # two pairs that overlap


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
