"""From the lines of PDF pages to running text: headings, paragraphs, hyphens, and what is on every page."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple
from unicodedata import east_asian_width

from embedtune.documents.text_builder import TextBuilder
from embedtune.text.words import join_lines

_SAME_LINE = 0.5  # of the lower line's height: lines that overlap by less are below each other


class Line(NamedTuple):
    """One line of a page; lengths are in points, and y grows upwards."""

    text: str
    left: float  # where its first character starts
    right: float  # where its last character ends
    top: float  # upper edge of its characters
    bottom: float  # lower edge of its characters
    size: float  # height of the smaller one of its first and last character

    @property
    def height(self) -> float:
        """The height of its characters, at least one point."""
        return max(self.top - self.bottom, 1.0)

    def is_on_line_of(self, other: Line) -> bool:
        """Return whether it is on the same line as another: a superscript, or the next cell of a row."""
        overlap = min(self.top, other.top) - max(self.bottom, other.bottom)
        return overlap > _SAME_LINE * min(self.height, other.height)

    @property
    def looseness(self) -> float:
        """Width of a character as a share of its height, wide ones counted as two; gaps between columns make it large."""
        n_wide = 0 if self.text.isascii() else sum(map("WF".__contains__, map(east_asian_width, self.text)))
        return (self.right - self.left) / (len(self.text) + n_wide) / self.height


_LARGE = 1.12  # times the size that most characters have
_RARE = 0.1  # share of the characters that a size of headings has at most
_MAX_CHARS = 120
_MAX_LEVELS = 3
_MIN_LETTERS = 3
_ENDS_TEXT = tuple(".,;。、，；।۔،")


class Heading(NamedTuple):
    """The heading that a line belongs to."""

    level: int  # from 1, the outermost
    number: int  # the same for the lines of one heading, on its page


def from_outline(page: Sequence[Line], entries: Iterable[tuple[int, str]]) -> dict[int, Heading]:
    """Find the lines that show the outline's entries of a page, as level and title.

    Returns the headings by the identity of the line; an entry that no line shows is left out.
    """
    headings: dict[int, Heading] = {}
    for number, (level, title) in enumerate(entries):
        key = _squeeze(title)
        room = 2 * len(title) + 12  # for the number in front; a sentence that ends with the title is longer
        for line in page:
            if key and id(line) not in headings and len(line.text) < room and _squeeze(line.text).endswith(key):
                headings[id(line)] = Heading(level, number)
                break
    return headings


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
    headings: dict[int, Heading] = {}
    last: Heading | None = None
    for number, line in enumerate(page):
        level = sizes.get(round(line.size))
        n_letters = sum(map(str.isalpha, line.text))
        if level is None or n_letters < _MIN_LETTERS or len(line.text) > _MAX_CHARS or line.text.endswith(_ENDS_TEXT):
            last = None
            continue
        last = last if last is not None and last.level == level else Heading(level, number)
        headings[id(line)] = last
    return headings


def _squeeze(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


_EDGE_LINES = 3  # headers and footers are among the first and last lines of a page
_FURNITURE_SHARE = 0.6  # of the pages
_FURNITURE_PAGES = 3  # fewer pages repeat nothing
_NEW_PARAGRAPH = 0.6  # of the line's height: a wider gap parts paragraphs
_SAME_SIZE = 0.12  # difference of two heights that count as one
_LOOSE = 1.4  # times the common width of a character: the line has columns
_LONG_LINE = 40  # characters
_WIDE = 0.6  # of the common width of a line: a shorter one is no full line even among its like
_FULL = 0.88  # of the width of the lines around: a shorter line ends its paragraph
_NUMBER = re.compile(r"\d+")
_SOFT_HYPHEN = re.compile(r"\u00ad$")
_HYPHEN = re.compile(
    r"(?<!\w)(\w++)[-\u2010\ufffe\x02]$"
)  # the last two are PDFium's for any hyphen at the end of a line
_WORD = re.compile(r"\w+(?:-\w+)*")
_ITEM = re.compile(r"(?:[•●▪■◦‣·–—*-]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)])\s")
_DOT_LEADER = re.compile(r"\s?(?:\.\s?){4,}")
_RULE = re.compile(r"[\W_]{4,}")  # a line drawn with characters
_PAGE_OF = re.compile(r"page # (?:of|/) #", re.IGNORECASE)
_END_OF_SENTENCE = tuple(".!?:;。！？।۔؟")


def drop_furniture(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Drop rules, headers and footers: lines at the edge of most pages that differ in their numbers at most."""
    counts = Counter(key for page in pages for key in {_furniture_key(page[index]) for index in _edges(page)})
    least = max(_FURNITURE_PAGES, _FURNITURE_SHARE * sum(bool(page) for page in pages))
    kept = []
    for page in pages:
        keys = {index: _furniture_key(page[index]) for index in _edges(page)}
        dropped = {index for index, key in keys.items() if counts[key] >= least or _PAGE_OF.fullmatch(key)}
        kept.append([line for index, line in enumerate(page) if not (index in dropped or _RULE.fullmatch(line.text))])
    return kept


def _edges(page: Sequence[Line]) -> set[int]:
    """Return the indices of the highest and lowest lines of the page."""
    order = sorted(range(len(page)), key=lambda index: -page[index].top)
    return {*order[:_EDGE_LINES], *order[-_EDGE_LINES:]}


def _furniture_key(line: Line) -> str:
    return " ".join(_NUMBER.sub("#", line.text).split())


def add_pages(
    builder: TextBuilder, pages: Sequence[Sequence[Line]], outline: Mapping[int, Sequence[tuple[int, str]]]
) -> None:
    """Add the lines of pages, in reading order, as running text.

    ``outline`` has by page the level and text of the headings that start on it. Without one, short lines of large type are
    headings.
    """
    statistics = _layout_statistics(pages)
    sizes = heading_sizes(pages)
    open_line: Line | None = None  # the last line of the page before, if its paragraph may go on
    for number, page in enumerate(pages):
        builder.page()
        headings = from_outline(page, outline.get(number, ())) if outline else by_size(page, sizes)
        for index, block in enumerate(_blocks(page, headings)):
            first = block[0]
            heading = headings.get(id(first))
            text = _join(block, statistics)
            if heading is not None:
                builder.heading(heading.level, text)
            elif index == 0 and open_line is not None and _continues(open_line, first) and not _ITEM.match(first.text):
                builder.carry_on(text)
            else:
                builder.block(text)
        if page:
            open_line = page[-1] if id(page[-1]) not in headings else None


class _LayoutStatistics(NamedTuple):
    """What lines of running text look like in this document."""

    words: Mapping[str, int]  # how often each word occurs
    looseness: float  # beyond this, a line is a row of a table
    width: float  # width below which a line is no full line, in points


def _layout_statistics(pages: Sequence[Sequence[Line]]) -> _LayoutStatistics:
    lines = [line for page in pages for line in page]
    words = Counter(word for line in lines for word in _WORD.findall(line.text.lower()))
    long = [line for line in lines if len(line.text) > _LONG_LINE]
    if not long:
        return _LayoutStatistics(words, math.inf, 0.0)
    looseness = _LOOSE * median(line.looseness for line in long)
    return _LayoutStatistics(words, looseness, _WIDE * median(line.right - line.left for line in long))


def _blocks(page: Sequence[Line], headings: Mapping[int, Heading]) -> list[list[Line]]:
    """Group lines that are close together and of one size."""
    blocks: list[list[Line]] = []
    for last, line in pairwise([None, *page]):
        assert line is not None
        if last is None or headings.get(id(last)) != headings.get(id(line)):
            blocks.append([line])
            continue
        same_size = abs(last.height - line.height) <= _SAME_SIZE * max(last.height, line.height)
        is_close = -last.height < last.bottom - line.top <= _NEW_PARAGRAPH * last.height
        if line.is_on_line_of(last) or (same_size and is_close):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _continues(last: Line, line: Line) -> bool:
    """Return whether a sentence goes on in the next line: no mark ended it, and no capital begins another."""
    return line.text[:1].islower() and not last.text.endswith(_END_OF_SENTENCE)


def _join(block: Sequence[Line], statistics: _LayoutStatistics) -> str:
    """Join the lines of a block: those that are full run on, those that are not (of lists, tables, addresses) stay lines."""
    text = block[0].text
    for index, line in enumerate(block[1:], start=1):
        last = block[index - 1]
        around = block[max(0, index - 3) : index + 3]
        if line.is_on_line_of(last):
            text = f"{text} {line.text}"
        elif max(last.looseness, line.looseness) <= statistics.looseness and _runs_on(last, line, around, statistics):
            text = _join_words(text, line.text, statistics.words)
        else:
            text = f"{text}\n{line.text}"
    return _DOT_LEADER.sub(" … ", text)


def _runs_on(last: Line, line: Line, around: Sequence[Line], statistics: _LayoutStatistics) -> bool:
    if _ITEM.match(line.text) or _DOT_LEADER.search(last.text):
        return False
    if _SOFT_HYPHEN.search(last.text) or _HYPHEN.search(last.text):
        return True
    left, right = min(other.left for other in around), max(other.right for other in around)
    return last.right - left >= max(_FULL * (right - left), statistics.width) or _continues(last, line)


def _join_words(text: str, following: str, words: Mapping[str, int]) -> str:
    """Join two lines; a word that is hyphenated at the line end is joined, unless the hyphen belongs to it."""
    if _SOFT_HYPHEN.search(text):
        return text[:-1] + following
    match = _HYPHEN.search(text)
    if not match:
        return join_lines(text, following)
    second = _WORD.match(following)
    keeps = second is None or not following[:1].islower() or _is_compound(match[1].lower(), second[0].lower(), words)
    return f"{text[:-1]}-{following}" if keeps else text[:-1] + following


def _is_compound(first: str, second: str, words: Mapping[str, int]) -> bool:
    """Return whether the document writes a word with a hyphen, or both its halves are words in it."""
    whole, hyphened = words.get(first + second, 0), words.get(f"{first}-{second}", 0)
    if whole or hyphened:
        return hyphened > whole
    # Each half has been counted once where the line was broken.
    return words.get(first, 0) > 1 and words.get(second, 0) > 1
