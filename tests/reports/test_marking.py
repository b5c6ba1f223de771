from hypothesis import given
from hypothesis import strategies as st

from embedtune.reports.marking import excerpt, mark, terms_of, unwrapped
from embedtune.retrieval.analysis import Analyzer
from embedtune.terms import lexical_terms

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
