from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.text.words import (
    dictionary_words,
    has_words_without_blanks,
    join_lines,
    runs_of,
    token_spans,
    unwrap,
    word_spans,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fill the tank, please", ["Fill", "the", "tank", "please"]),
        ("図書館は地図を貸し出します。", ["図書館", "は", "地図", "を", "貸し出し", "ます"]),
        ("出借地图", ["出借", "地图"]),
        ("ให้ยืมแผนที่", ["ให้", "ยืม", "แผนที่"]),
        ("ฟรี Wi-Fi 24 ชั่วโมง", ["ฟรี", "Wi", "Fi", "24", "ชั่วโมง"]),
        ("一晩保ちます", ["一晩", "保ち", "ます"]),  # the dictionary does not know the ending
        ("\U00020000です", ["\U00020000", "です"]),  # outside the basic plane
        ("", []),
    ],
)
def test_words_are_those_that_a_reader_sees(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Fill the tank, please.", ["Fill", "the", "tank,", "please."]),
        ("水を入れる。 OK (ランプ)", ["水", "を", "入れる。", "OK", "(ランプ)"]),
        ("  ", []),
    ],
)
def test_tokens_keep_their_marks(text, tokens):
    assert [text[start:end] for start, end in token_spans(text)] == tokens


@pytest.mark.parametrize(
    ("text", "has"), [("tank", False), ("café", False), ("비밀번호", False), ("a 水", True), ("น้ำ", True)]
)
def test_scripts_without_blanks(text, has):
    assert has_words_without_blanks(text) is has
    assert [blanks for _, _, blanks in runs_of(text)][-1] is not has


@given(st.text(st.sampled_from("水を入れるน้ำร้อน ab.。\n\U00020000"), max_size=20))
def test_nothing_of_a_text_is_lost_but_blanks(text):
    assert "".join(text[start:end] for start, end in token_spans(text)) == "".join(text.split())
    assert all("".join(dictionary_words(run)) == run for _, run, _ in runs_of(text))


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("地図を貸し出\nします。\n罰金", "地図を貸し出します。罰金"),
        ("地図\n  を", "地図を"),
        ("ให้ยืม\nแผนที่", "ให้ยืมแผนที่"),
        ("地図\n\n罰金", "地図\n\n罰金"),
        ("地図\nmap\n地図", "地図\nmap\n地図"),
        ("빌려\n줍니다", "빌려\n줍니다"),
        ("a\nb é\nc", "a\nb é\nc"),
    ],
)
def test_a_line_may_end_within_a_word_where_there_are_no_blanks(text, joined):
    assert unwrap(text) == joined
    assert join_lines(*text.replace("  ", "").split("\n")) == joined.replace("\n", " ")


def test_no_lines_are_no_text():
    assert join_lines() == ""
