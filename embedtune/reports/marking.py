"""Which words of a passage a query shares with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import regex

Analyse = Callable[[str], Sequence[str]]
"""Text → index terms, as BM25 sees it."""

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー]"
_UNIT = regex.compile(rf"{_UNSPACED}+|(?:(?!{_UNSPACED})[\p{{L}}\p{{M}}\p{{N}}_])+")
_IS_UNSPACED = regex.compile(_UNSPACED)
_BREAK = regex.compile(r"(?<=^|\n)([^\n|]{45,}+)\n(?=[\p{L}\"'(`])")  # a bar stands between the cells of a row
_LEAD = 200  # characters that may stand before the first shared word


class Piece(NamedTuple):
    """A stretch of text.

    Attributes:
        text: As it stands.
        shared: Whether the query has these words too.
    """

    text: str
    shared: bool


def mark(text: str, terms: Collection[str], analyse: Analyse) -> list[Piece]:
    """Part a text into stretches that a query shares and others; together they are the text.

    Args:
        text: Of a passage.
        terms: Index terms of the query.
        analyse: Gives those of a word; a script without spaces is compared two characters at a time.
    """
    spans = [span for match in _UNIT.finditer(text) for span in _shared(match.group(), match.start(), terms, analyse)]
    return [piece for piece in _pieces(text, spans) if piece.text]


def excerpt(text: str, terms: Collection[str], analyse: Analyse, length: int) -> str:
    """Return a text, or of a longer one so many characters that begin where it begins to share words with the query."""
    if len(text) <= length:
        return text
    shared = (
        start for match in _UNIT.finditer(text) for start, _ in _shared(match.group(), match.start(), terms, analyse)
    )
    start = max(0, min(next(shared, 0) - _LEAD, len(text) - length))
    start = 0 if start < _LEAD else text.find(" ", start, start + _LEAD) + 1 or start
    end = start + length
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"


def unwrapped(text: str) -> str:
    r"""Return a text whose long lines run on where they were broken to fit a page; short, indented and listed ones stay.

    Examples:
        >>> unwrapped("A" * 60 + "\nand on\n  x = 1")[58:]
        'AA and on\n  x = 1'
    """
    joined: str = _BREAK.sub(r"\1 ", text)
    return joined


def _shared(word: str, start: int, terms: Collection[str], analyse: Analyse) -> list[tuple[int, int]]:
    """Return the spans of a word, from where it stands in its text, that are terms of the query."""
    if len(word) > 1 and _IS_UNSPACED.match(word):
        pairs = range(len(word) - 1)
        return [(start + at, start + at + 2) for at in pairs if not terms_of(word[at : at + 2], analyse) - set(terms)]
    return [(start, start + len(word))] if terms_of(word, analyse) & set(terms) else []


def terms_of(text: str, analyse: Analyse) -> set[str]:
    """Return the different index terms of a text."""
    return set(analyse(text))


def _pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[Piece]:
    """Return the stretches; spans may overlap or touch, and blanks between two of them are left unmarked."""
    pieces, done = [], 0
    for start, end in spans:
        if start > done:
            pieces.append(Piece(text[done:start], shared=False))
        if end > done:
            pieces.append(Piece(text[max(start, done) : end], shared=True))
            done = end
    return [*pieces, Piece(text[done:], shared=False)]
