from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.shingles import distinct, shingle_keys, split_keys

words = st.text(st.sampled_from("ab ,.é語"), max_size=60)


def shingles(text: str) -> set[int]:
    return set(split_keys(shingle_keys([text]))[1].tolist())


@given(st.lists(words, max_size=6))
def test_texts_together_have_the_shingles_of_each_alone(texts):
    rows, found = split_keys(shingle_keys(texts, first=7))
    assert [set(found[rows == 7 + number].tolist()) for number in range(len(texts))] == [*map(shingles, texts)]


@pytest.mark.parametrize(
    ("text", "n_shingles"), [("", 0), ("… !", 0), ("one", 1), ("one two three four five", 1), ("a b c d e f", 2)]
)
def test_number_of_shingles(text, n_shingles):
    assert len(shingles(text)) == n_shingles


def test_every_shingle_is_counted_once():
    assert len(shingle_keys(["a b c d e " * 10])) == 5


@given(st.lists(st.integers(0, 9)))
def test_distinct_keys_are_sorted_and_stand_once(keys):
    assert distinct(np.array(keys, dtype=np.uint64)).tolist() == sorted(set(keys))


def test_case_and_punctuation_do_not_count_and_order_does():
    assert shingles("Fill it, now — ÉTÉ!") == shingles("fill it now été")
    assert shingles("it fill now été") != shingles("fill it now été")
    assert shingles("fill it") != shingles("fill it fill")
