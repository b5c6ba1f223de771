from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.segmentation import (
    CLAUSE,
    INSIDE,
    LINE,
    PARAGRAPH,
    SENTENCE,
    WORD,
    WordFinder,
    Words,
    find_break,
    pack,
)


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("one two\n\nthree four\nfive. six", "one two\n\nthree four\n"),
        ("one. two three\n\nfour. five", "one. two three\n\n"),
        ("one. two three four. five six", "one. two three four. "),
        ("one two three four", "one two three "),
        ("一二三四五六七八", "一二三四五六七八"),
        ("a\n\nbcdefghijklmnopqrstuvwxyz", "a\n\nbcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_text_is_parted_at_the_greatest_break_in_its_second_half(text, piece):
    assert text[: find_break(text, 0, len(text))] == piece


def test_only_the_stretch_that_is_asked_for_is_looked_at():
    assert find_break("a\n\nb c d\n\ne", 3, 8) == 7


P, S, L, C, W, I = PARAGRAPH, SENTENCE, LINE, CLAUSE, WORD, INSIDE  # noqa: E741


def packed(tokens: list[int], breaks: list[int], size: int, room: int | None = None) -> list[tuple[int, int]]:
    words = Words(np.arange(1, len(tokens) + 1), np.array(tokens, dtype=np.int64), np.array(breaks, dtype=np.int64))
    return list(pack(words, size, room or size))


@pytest.mark.parametrize(
    ("breaks", "size", "pieces"),
    [
        ([W, W, W, W, W, W], 6, [(0, 6)]),
        ([W, W, P, W, W, P], 5, [(0, 5), (5, 6)]),  # paragraphs that fit stay whole
        ([W, W, P, W, W, W], 4, [(0, 2), (2, 6)]),
        ([W, P, W, S, W, W], 4, [(0, 3), (3, 6)]),  # one that does not is parted at a sentence
        ([W, C, W, L, C, W], 4, [(0, 3), (3, 6)]),  # a sentence at a line before a clause
        ([W, W, C, W, W, W], 4, [(0, 2), (2, 6)]),
        ([W, W, W, W, W, W], 4, [(0, 4), (4, 6)]),
    ],
)
def test_pieces_end_where_most_ends(breaks, size, pieces):
    assert packed([1] * 6, breaks, size) == pieces


def test_word_stays_whole_up_to_the_room():
    assert packed([1, 2, 2, 1], [W, W, I, W], size=3, room=4) == [(0, 1), (1, 3), (3, 4)]
    assert packed([1, 2, 2, 1], [W, W, I, W], size=3) == [(0, 2), (2, 4)]


def test_part_that_is_too_long_comes_alone():
    assert packed([1, 9, 1], [W, W, W], size=3) == [(0, 1), (1, 2), (2, 3)]


def test_no_words_give_no_pieces():
    assert packed([], [], size=3) == []


@pytest.fixture
def find(token_counts):
    return WordFinder(token_counts).find


def breaks(found, text: str) -> dict[str, int]:
    """Return what ends in front of each word but the first."""
    starts = [0, *found.ends.tolist()]
    words = [text[start:end].strip() for start, end in zip(starts, found.ends, strict=False)]
    return dict(list(zip(words, found.breaks.tolist(), strict=True))[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two", {"two": WORD}),
        ("one\ntwo\n \nthree", {"two": LINE, "three": PARAGRAPH}),
        ("one. Two, three: four", {"Two,": SENTENCE, "three:": CLAUSE, "four": CLAUSE}),
        ('He said "no!" Then … (really.) "So"', {"Then": SENTENCE, "(really.)": WORD, '"So"': SENTENCE}),
        ("see Dr. Smith of the U.S. Army", {"Smith": WORD, "Army": WORD}),
        ("use e.g. these or approx. five", {"these": WORD, "five": WORD}),
        ("we saw Mt. sinai. then", {"sinai.": CLAUSE, "then": CLAUSE}),  # no sentence begins in lower case
        ("x:\n1. Fill it.\n2. Rinse it", {"1.": LINE, "Fill": WORD, "2.": SENTENCE, "Rinse": WORD}),
        ("in 1998. The", {"The": SENTENCE}),
        ("a town . Its mayor", {"Its": SENTENCE}),  # as tokenized corpora have it
        (
            "タンクを外し、水を入れる。「閉じる。」次に",
            {"水を入れる。": CLAUSE, "「閉じる。」": SENTENCE, "次に": SENTENCE},
        ),
        ("a" * 1001, {"a": INSIDE}),
    ],
)
def test_what_ends_in_front_of_a_word(text, expected, find):
    found = breaks(find(text), text)
    assert {word: found[word] for word in expected} == expected


@given(text=st.text(st.sampled_from("ab.,!\n é語。、」"), max_size=80))
def test_words_are_the_text_and_their_tokens_its_tokens(text, token_counts, tokenize):
    words = WordFinder(token_counts).find(text)
    assert text[: words.ends[-1] if len(words.ends) else 0].rstrip() == text.rstrip()
    assert words.tokens.sum() == len(tokenize(text))


def test_each_word_is_tokenized_once():
    asked = []

    def token_counts(texts):
        asked.extend(texts)
        return [1] * len(texts)

    finder = WordFinder(token_counts)
    finder.find("water tank water tank water")
    finder.find("the tank")
    assert sorted(asked) == [" tank", " water", "the", "water"]


def test_text_without_words_has_none(find):
    assert [len(field) for field in find(" \n")] == [0, 0, 0]
    assert [len(field) for field in find("")] == [0, 0, 0]
