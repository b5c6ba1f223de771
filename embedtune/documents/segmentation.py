"""Segment a text: words with their tokens and with the kind of break before each, packed into as few pieces as possible.

Words are analysed once and cached: a text has far fewer distinct words than words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedtune.text.sentences import WIDE_CLOSERS, WIDE_MARKS, ends_clause, ends_sentence
from embedtune.text.words import has_words_without_blanks, token_spans

TokenCounts = Callable[[Sequence[str]], Sequence[int]]
"""How many of the embedder's tokens each text has, special tokens not counted."""

INSIDE, WORD, CLAUSE, LINE, SENTENCE, PARAGRAPH = range(6)
"""Kind of the break before a word; inside there is none: a longer run of characters is in parts."""

_LONG_RUN = 40  # characters; more of a script without blanks are a clause or several
_MAX_WORD = 1000  # characters; longer words are in parts
_WORD = re.compile(rf"(?<!\s)\s*+\S{{1,{_MAX_WORD}}}")
_WIDE_WORD = re.compile(
    rf"(?<!\s)\s*+(?:[^\s{WIDE_MARKS}]{{1,{_MAX_WORD}}}[{WIDE_MARKS}]{{0,9}}|[{WIDE_MARKS}]{{1,9}})[{WIDE_CLOSERS}]*"
)
_WIDE_END = re.compile(rf"[{WIDE_MARKS}][{WIDE_CLOSERS}]*$")
_HAS_WIDE_MARK = re.compile(rf"[{WIDE_MARKS}]")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")

_CLAUSE_ENDS, _SENTENCE_ENDS = 1, 2
_REMEMBERED_CHARS = 6_000_000  # of all cached words; they take some 50 MB
_ENTRY_CHARS = 8


class Words(NamedTuple):
    """The words of a text, each with the white space in front of it; what follows the last one is in none."""

    ends: NDArray[np.int64]  # one past the last character of each word, (n,)
    tokens: NDArray[np.int64]  # of each word by itself, (n,)
    breaks: NDArray[np.int64]  # kind of break before each word, INSIDE to PARAGRAPH, (n,)


class WordFinder:
    """Finds the words of texts; known words are cached."""

    def __init__(self, token_counts: TokenCounts) -> None:
        self._token_counts = token_counts
        self._known: dict[str, int] = {}
        self._chars = 0

    def find(self, text: str) -> Words:
        """Return the words of a text."""
        pattern = _WIDE_WORD if not text.isascii() and _HAS_WIDE_MARK.search(text) else _WORD
        words = list(_parted(pattern.findall(text)))
        if self._chars > _REMEMBERED_CHARS:
            self._known.clear()
            self._chars = 0
        new = list(set(words).difference(self._known))
        for word, tokens in zip(new, self._token_counts(new), strict=True):
            self._known[word] = tokens << _BITS | _traits(word)
            self._chars += len(word) + _ENTRY_CHARS
        known = np.fromiter(map(self._known.__getitem__, words), dtype=np.int64, count=len(words))
        ends = np.fromiter(map(len, words), dtype=np.int64, count=len(words)).cumsum()
        return Words(ends, known >> _BITS, _breaks(known))


def _parted(words: Iterable[str]) -> Iterator[str]:
    """Yield words; a long run without blanks in its words as a dictionary has them, so that no cut goes through one."""
    for word in words:
        if len(word) > _LONG_RUN and has_words_without_blanks(word):
            starts = [0, *(start for start, _ in token_spans(word)[1:]), len(word)]
            yield from (word[start:end] for start, end in pairwise(starts))
        else:
            yield word


# The lower bits of what is known of a word, behind them are its tokens.
_GAP, _ENDS, _WIDE, _LOWER, _BITS = 0, 2, 4, 5, 6


def _traits(word: str) -> int:
    core = word.lstrip()
    gap = word[: len(word) - len(core)]
    kind = 3 if _BLANK_LINE.search(gap) else 2 if "\n" in gap else 1 if gap else 0
    ends = _SENTENCE_ENDS if ends_sentence(core, starts_line=kind > 1) else _CLAUSE_ENDS * ends_clause(core)
    wide = not core.isascii() and _WIDE_END.search(core) is not None
    return kind << _GAP | ends << _ENDS | wide << _WIDE | core[0].islower() << _LOWER


def _breaks(known: NDArray[np.int64]) -> NDArray[np.int64]:
    gap = known >> _GAP & 3
    before = np.concatenate([np.zeros(1, dtype=np.int64), known[:-1]])
    parted = (gap > 0) | (before >> _WIDE & 1 > 0)
    ends = np.where(parted, before >> _ENDS & 3, 0)
    lower = known >> _LOWER & 1 > 0  # no sentence begins so, but one goes on behind an abbreviation
    conditions = [gap == 3, (ends == _SENTENCE_ENDS) & ~lower, gap == 2, ends > 0, parted]
    return np.select(conditions, [PARAGRAPH, SENTENCE, LINE, CLAUSE, WORD], INSIDE)


def pack(words: Words, size: int, room: int) -> Iterator[tuple[int, int]]:
    """Yield first and last+1 word of pieces of at most ``size`` tokens; a word is split only if it is longer than ``room``.

    Paragraphs are put together as long as they fit; one that does not fit alone is parted into its sentences, such a sentence
    into lines, a line into clauses, a clause into words.
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


_BREAKS = ("\n\n", "\n", ". ", "。", "। ", "؟ ", " ", "၊", "、")
_LAST_SHARE = 0.5  # a break is looked for in this share of the piece, its end


def find_break(text: str, start: int, end: int) -> int:
    """Return where to cut ``text[start:end]``: behind its last blank line, else line, sentence, word or clause, or its end."""
    earliest = end - int((end - start) * _LAST_SHARE)
    for mark in _BREAKS:
        place = text.rfind(mark, earliest, end)
        if place >= 0:
            return place + len(mark)
    return end
