from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import ConfigError
from embedtune.text.dedup import Duplicate, DuplicateIndex, Match, deduplicate, term_set

EIGHT = "fill the tank of this machine with water"
TEXTS = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6).map(" ".join), max_size=8)


def similarity(first, second):
    a, b = term_set(first), term_set(second)
    return len(a & b) / len(a | b) if a | b else 0.0


def test_eight_terms_and_the_same_with_two_more_are_near():
    index = DuplicateIndex()
    index.add(EIGHT)
    assert index.find(f"{EIGHT} quokka zeppelin") == Match(0, 0.8)
    assert index.find(f"{EIGHT} quokka zeppelin yodel") is None


def test_of_several_the_most_alike_is_found_and_of_equals_the_first():
    index = DuplicateIndex(0.5)
    for text in ("a b c", "a b c d", "d c b a"):
        index.add(text)
    assert index.find("A, b, c: d!") == Match(1, 1.0)
    assert len(index) == 3


def test_only_a_new_text_is_added():
    index = DuplicateIndex()
    assert index.check_and_add("a b c d e") is None
    assert index.check_and_add("a b c d") == Match(0, 0.8)
    assert len(index) == 1
    assert index.check_and_add("a b c") is None  # like the second, which was not added


def test_texts_without_terms_are_like_nothing():
    assert deduplicate(["?", "!", ""]).duplicates == []


@pytest.mark.parametrize("threshold", [0, -0.1, 1.1])
def test_a_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(ConfigError, match=f"above 0 and at most 1, found {threshold}"):
        deduplicate([], threshold)


def test_what_is_kept_and_what_it_repeats():
    result = deduplicate([EIGHT, "rinse the bowl", f"{EIGHT} now", "The bowl: rinse!"])
    assert result.kept == [EIGHT, "rinse the bowl"]
    assert result.kept_indices == [0, 1]
    assert result.duplicates == [
        Duplicate(2, f"{EIGHT} now", 0, 8 / 9),
        Duplicate(3, "The bowl: rinse!", 1, 1.0),
    ]
    assert result.duplicate_ratio == 0.5


@given(TEXTS, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_none_is_missed_and_none_is_wrong(texts, threshold):
    result = deduplicate(texts, threshold)
    kept: list[int] = []
    for number, text in enumerate(texts):
        if all(similarity(text, texts[other]) < threshold for other in kept):
            kept.append(number)
    assert result.kept_indices == kept
    assert [duplicate.similarity for duplicate in result.duplicates] == [
        similarity(duplicate.text, texts[duplicate.original]) for duplicate in result.duplicates
    ]
