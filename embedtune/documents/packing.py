"""Put the words of a text into as few pieces as hold them, cut where most ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from embedtune.documents.words import INSIDE, PARAGRAPH, Words


def pack(words: Words, size: int, room: int) -> Iterator[tuple[int, int]]:
    """Yield first and last+1 word of each piece.

    Paragraphs are put together as long as they fit; one that does not fit alone is parted into its sentences, such a sentence
    into lines, a line into clauses, a clause into words.

    Args:
        words: Of a text.
        size: Tokens that a piece should hold at most.
        room: Tokens that it can hold; a word that is longer is parted too, and a part that is still longer comes alone.
    """
    before = [0, *accumulate(words.tokens.tolist())]
    first = last = 0
    for start, end in _units(before, words.breaks, (0, len(words.breaks)), (size, room), PARAGRAPH):
        if before[end] - before[first] > size and last > first:
            yield first, last
            first = start
        last = end
    if last > first:
        yield first, last


def _units(
    before: Sequence[int], breaks: NDArray[np.int64], span: tuple[int, int], limits: tuple[int, int], level: int
) -> Iterator[tuple[int, int]]:
    """Yield what stays together: the span, or its parts at a level, and those of the levels below where they are too long."""
    start, end = span
    size, room = limits
    if level < INSIDE or before[end] - before[start] <= (room if level == INSIDE else size):
        yield span
        return
    cuts = np.flatnonzero(breaks[start + 1 : end] >= level) + start + 1
    for part in pairwise([start, *cuts.tolist(), end]):
        yield from _units(before, breaks, part, limits, level - 1)
