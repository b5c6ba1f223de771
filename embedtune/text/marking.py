"""Where a text has the words of a query, as BM25 sees words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import regex

from embedtune.text.folding import fold
from embedtune.text.words import NUMBER, RUN, WITHOUT_BLANKS

Analyse = Callable[[str], Sequence[str]]
"""Text → index terms."""

_CLUSTER = regex.compile(r"\X")
_UNIT = regex.compile(rf"{NUMBER}|(?P<unspaced>{WITHOUT_BLANKS.pattern})|{RUN.pattern}")


def shared_spans(text: str, terms: Collection[str], analyse: Analyse) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text that a query with these terms has too, ascending and apart.

    A script without blanks is compared two characters at a time; a character alone counts where the query has it alone.
    """
    for match in _UNIT.finditer(text):
        if match["unspaced"]:
            yield from _joined(_shared_characters(match.start(), match[0], terms))
        elif not set(terms).isdisjoint(analyse(match[0])):
            yield match.span()


def _shared_characters(start: int, run: str, terms: Collection[str]) -> Iterator[tuple[int, int]]:
    ends = [match.end() for match in _CLUSTER.finditer(run)]
    begins = [0, *ends]
    for number, begin in enumerate(begins[:-1]):
        pair = fold(run[begin : ends[min(number + 1, len(ends) - 1)]])
        alone = fold(run[begin : ends[number]])
        if pair in terms and number + 1 < len(ends):
            yield start + begin, start + ends[number + 1]
        elif alone in terms and not any(alone in term and alone != term for term in terms):
            yield start + begin, start + ends[number]


def _joined(spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join spans that overlap or touch."""
    first, last = 0, 0
    for start, end in spans:
        if start > last:
            if last > first:
                yield first, last
            first = start
        last = end
    if last > first:
        yield first, last
