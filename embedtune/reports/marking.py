"""Which words of a passage a query shares with it.

Text as a reader may see it: characters that hide, turn round or overprint others are named, not obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import regex

# Control characters but tab and newline, zero-width space, line and paragraph separators, directional embeddings, overrides and
# isolates, invisible operators, byte order mark, annotation marks, tags, lone surrogates and noncharacters. Joiners and the
# left-to-right and right-to-left marks stay: scripts need them, and inside an isolated element they turn nothing round.
_HIDDEN = regex.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    r"\ud800-\udfff\p{noncharacter_code_point}]"
)
_PILED = regex.compile(r"(\p{M}{4})\p{M}+")  # no language puts more marks on one letter
_BLANK_LINES = regex.compile(r"\n\s*\n\s*\n")


def visible(text: str) -> str:
    r"""Return a text with each hidden character as its number, at most four marks on a letter and one blank line in a row.

    Examples:
        >>> visible("abc\u202ecba\x00")
        'abc‹U+202E›cba‹U+0000›'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    named = _HIDDEN.sub(lambda match: f"‹U+{ord(match.group()):04X}›", lines)
    calm: str = _BLANK_LINES.sub("\n\n", _PILED.sub(r"\1", named))
    return calm


def cut(text: str, length: int) -> str:
    """Return a text of at most so many characters; an ellipsis replaces what is left out."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


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
        text: The text itself.
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
