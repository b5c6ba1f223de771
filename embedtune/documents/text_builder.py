"""Build a document from headings, blocks of text and pages, with the offsets of each."""

from __future__ import annotations

import re
from typing import NamedTuple

from embedtune.text.words import unwrap
from embedtune.types import Document, Section

_GAP = "\n\n"
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b\u200e\u200f\u2060\ufeff\ud800-\udfff\ufffe\uffff]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n){2,}")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


class TooMuchText(ValueError):
    """A document beyond the limit of characters; a small archive can unpack to any size."""


class _Heading(NamedTuple):
    level: int
    text: str
    start: int
    end: int


class TextBuilder:
    """Collects the parts of one document in reading order; the reader sets its ``title``."""

    def __init__(self, max_chars: int | None = None) -> None:
        self.title = ""
        self._max_chars = max_chars
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[_Heading] = []
        self._pages: list[int] = []
        self._pages_to_start = 0  # begun, and nothing on them yet
        self._notes: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added yet."""
        return not self._parts

    def heading(self, level: int, text: str) -> None:
        """Start a section; ``level`` counts from 1, and a smaller one is further out."""
        if text := one_line(text):
            start = self._append(text, _GAP)
            self._headings.append(_Heading(level, text, start, self._length))

    def block(self, text: str) -> None:
        """Add a paragraph, a list or a row; white space within a line shrinks to one space, lines stay."""
        self._append(clean(text), _GAP)

    def code(self, text: str) -> None:
        """Add text in which white space is significant."""
        lines = (_INVISIBLE.sub("", line).rstrip() for line in text.expandtabs(4).splitlines())
        self._append("\n".join(lines).strip("\n"), _GAP)

    def carry_on(self, text: str) -> None:
        """Add text to the last paragraph, which a page break has split."""
        self._append(clean(text), " ")

    def page(self) -> None:
        """Start the next page, slide or sheet."""
        self._pages_to_start += 1

    def note(self, text: str) -> None:
        """Add what a person should know about the reading."""
        self._notes.append(text)

    def build(self, document_id: str) -> Document:
        """Return the document; its sections end where the next heading starts."""
        text = "".join(self._parts)
        pages = (*self._pages, *[len(text)] * self._pages_to_start)
        return Document(
            document_id, one_line(self.title), text, tuple(self._sections(text)), pages, notes=tuple(self._notes)
        )

    def _sections(self, text: str) -> list[Section]:
        if not self._headings:
            return []
        ends = [*(heading.start for heading in self._headings), len(text)]
        sections = [Section((), 0, ends[0])]
        path: list[_Heading] = []
        for heading, following, end in zip(self._headings, [*self._headings[1:], None], ends[1:], strict=True):
            path = [*(outer for outer in path if outer.level < heading.level), heading]
            names = tuple(outer.text for outer in path)
            if text[heading.end : end].strip():
                sections.append(Section(names, heading.end, end))
            elif following is None or following.level <= heading.level:
                # Nothing is below it and it is in no path: so it is text itself, as is the title of a bare slide.
                before = sections[-1]
                if before.headings == names[:-1] and not text[before.end : heading.start].strip():
                    sections[-1] = before._replace(end=heading.end)
                else:
                    sections.append(Section(names[:-1], heading.start, heading.end))
        trimmed = []
        for section in sections:
            body = text[section.start : section.end]
            if body.strip():
                start = section.start + len(body) - len(body.lstrip())
                trimmed.append(Section(section.headings, start, start + len(body.strip())))
        return trimmed

    def _append(self, text: str, gap: str) -> int:
        """Add text that is not empty; return where it starts."""
        if not text:
            return self._length
        if self._parts:
            self._parts.append(gap)
            self._length += len(gap)
        start = self._length
        self._pages += [start] * self._pages_to_start
        self._pages_to_start = 0
        self._parts.append(text)
        self._length += len(text)
        if self._max_chars is not None and self._length > self._max_chars:
            raise TooMuchText(f"more than {self._max_chars:,} characters of text")
        return start


def clean(text: str) -> str:
    """Drop invisible characters, resolve ligatures, and bring white space down to one space or one blank line."""
    if text.isascii() and text.isprintable():  # the common case, and ten times faster
        return " ".join(text.split())
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_LIGATURES)
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub(_GAP, "\n".join(lines)).strip()


def one_line(text: str) -> str:
    """Clean a heading or a cell and bring it into one line."""
    return " ".join(unwrap(clean(text)).split())
