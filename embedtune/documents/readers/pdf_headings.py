"""Which lines of a PDF are headings: those that the outline names, or, without an outline, those in large type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from embedtune.documents.readers.pdf_line import Line

_LARGE = 1.12  # times the size that most characters have
_RARE = 0.1  # share of the characters that a size of headings has at most
_MAX_CHARS = 120
_MAX_LEVELS = 3
_MIN_LETTERS = 3
_ENDS_TEXT = (".", ",", ";")


class Heading(NamedTuple):
    """What a line is a heading of.

    Attributes:
        level: From 1, the outermost.
        number: The same for the lines of one heading, on its page.
    """

    level: int
    number: int


def from_outline(page: Sequence[Line], entries: Iterable[tuple[int, str]]) -> dict[int, Heading]:
    """Find the lines that show the entries of the outline.

    Args:
        page: The lines.
        entries: Levels and titles that the outline says start on this page.

    Returns:
        The headings by the identity of the line; an entry that no line shows is left out.
    """
    found: dict[int, Heading] = {}
    for number, (level, title) in enumerate(entries):
        wanted = _squeeze(title)
        room = 2 * len(title) + 12  # for the number in front; a sentence that ends with the title is longer
        for line in page:
            if wanted and id(line) not in found and len(line.text) < room and _squeeze(line.text).endswith(wanted):
                found[id(line)] = Heading(level, number)
                break
    return found


def heading_sizes(pages: Sequence[Sequence[Line]]) -> dict[int, int]:
    """Return the levels of the sizes, in whole points, that headings have: larger than the text, and rare."""
    characters: Counter[int] = Counter()
    for page in pages:
        for line in page:
            characters[round(line.size)] += len(line.text)
    if not characters:
        return {}
    body = characters.most_common(1)[0][0]
    total = characters.total()
    large = sorted((size for size in characters if size > _LARGE * body), reverse=True)
    rare = [size for size in large if characters[size] <= _RARE * total]
    return {size: min(level, _MAX_LEVELS) for level, size in enumerate(rare, start=1)}


def by_size(page: Sequence[Line], sizes: Mapping[int, int]) -> dict[int, Heading]:
    """Find the lines that are headings by their size; ``sizes`` as ``heading_sizes`` gives them."""
    found: dict[int, Heading] = {}
    last: Heading | None = None
    for number, line in enumerate(page):
        level = sizes.get(round(line.size))
        if level is None or not _could_be(line.text):
            last = None
            continue
        last = last if last is not None and last.level == level else Heading(level, number)
        found[id(line)] = last
    return found


def _could_be(text: str) -> bool:
    letters = sum(character.isalpha() for character in text)
    return letters >= _MIN_LETTERS and len(text) <= _MAX_CHARS and not text.endswith(_ENDS_TEXT)


def _squeeze(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
