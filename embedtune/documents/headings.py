"""Headings of plain text: where sections start and which path leads to each."""

from __future__ import annotations

import re
from typing import NamedTuple

from embedtune.types import Section

_ATX = re.compile(r"(#{1,6})[ \t]++(.++)")
_UNDERLINE = re.compile(r"^([=\-*~^\"`+#.:_])\1{2,}[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_MAX_HEADING_CHARS = 120


class _Heading(NamedTuple):
    level: int
    text: str
    start: int
    body: int


def find_sections(text: str) -> list[Section]:
    """Split text at its headings; sections without a body are left out, their headings are in the paths below them.

    Known are ``# Markdown`` headings and lines underlined with one repeated character (reStructuredText, setext). The level
    of an underline character is the order of its first appearance, as reStructuredText has it. Fenced code is skipped.
    """
    return SectionFinder().find(text)


class SectionFinder:
    """Finds the sections of a text that comes in parts; it keeps the state at the end of a part."""

    def __init__(self) -> None:
        self._path: list[_Heading] = []
        self._levels: dict[str, int] = {}
        self._fence = ""

    def find(self, text: str) -> list[Section]:
        """Return the sections of the next part, as ``find_sections`` does; a part should begin behind a blank line."""
        headings = self._find_headings(text)
        ends = [*(heading.start for heading in headings), len(text)]
        sections = [Section(self._headings(), 0, ends[0])]
        for heading, end in zip(headings, ends[1:], strict=True):
            self._path = [*(outer for outer in self._path if outer.level < heading.level), heading]
            sections.append(Section(self._headings(), heading.body, end))
        return [section for section in sections if text[section.start : section.end].strip()]

    def _headings(self) -> tuple[str, ...]:
        return tuple(heading.text for heading in self._path)

    def _find_headings(self, text: str) -> list[_Heading]:
        lines = text.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        headings: list[_Heading] = []
        underlined = -1
        for index, line in enumerate(lines):
            if index == underlined:
                continue
            self._fence, is_fence = _fence_after(self._fence, line)
            if self._fence or is_fence:
                continue
            if match := _ATX.match(line.rstrip()):
                headings.append(_Heading(len(match[1]), _unclosed(match[2]), starts[index], starts[index + 1]))
            elif (rule := _underline_of(lines, index)) is not None:
                level = self._levels.setdefault(rule, len(self._levels) + 1)
                headings.append(_Heading(level, line.strip(), starts[index], starts[index + 2]))
                underlined = index + 1
        return headings


def _unclosed(title: str) -> str:
    """Return the title of ``# a title ##`` without the marks behind it."""
    bare = title.rstrip("#")
    return bare.rstrip() if bare.endswith((" ", "\t")) else title


def _fence_after(fence: str, line: str) -> tuple[str, bool]:
    """Return the code fence that is open after a line (or nothing), and whether the line itself is a fence."""
    match = _FENCE.match(line.rstrip())
    if match is None:
        return fence, False
    if not fence:
        return match[1], True
    # Only a bare fence of the same character, at least as long, closes.
    closes = match[1].startswith(fence) and line.strip() == match[1]
    return ("" if closes else fence), True


def _underline_of(lines: list[str], index: int) -> str | None:
    """Return the underline character if this line is an underlined heading."""
    title = lines[index].strip()
    if not title or lines[index][0] in " \t" or len(title) > _MAX_HEADING_CHARS or _UNDERLINE.match(lines[index]):
        return None
    if index + 1 >= len(lines) or (index and lines[index - 1].strip()):
        return None
    match = _UNDERLINE.match(lines[index + 1])
    # A rule much shorter than the line above it parts paragraphs; it does not underline.
    return match[1] if match and 2 * len(lines[index + 1].strip()) >= len(title) else None
