from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.words import CLAUSE, INSIDE, LINE, PARAGRAPH, SENTENCE, WORD, WordFinder


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
