from __future__ import annotations

import numpy as np
import pytest

from embedtune.documents.packing import pack
from embedtune.documents.words import CLAUSE, INSIDE, LINE, PARAGRAPH, SENTENCE, WORD, Words

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
