"""Headings of plain text and Markdown: where sections start and which path leads to each."""

from __future__ import annotations

import re
from typing import NamedTuple

_ATX = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$")
_UNDERLINE = re.compile(r"^([=\-*~^\"`+#.:_])\1{2,}[ \t]*$")
_FENCE = re.compile(r"^[ \t]{0,3}(```|~~~)")
_MAX_HEADING_CHARS = 120


class Section(NamedTuple):
    """A stretch of text under one heading.

    Attributes:
        headings: The path from the outermost heading to this one; empty before the first heading.
        start: First character of the body, after the heading's own lines.
        end: One past the last character of the body.
    """

    headings: tuple[str, ...]
    start: int
    end: int


class _Heading(NamedTuple):
    level: int
    text: str
    start: int
    body: int


def find_sections(text: str) -> list[Section]:
    """Split text at its headings; sections without a body are left out, their headings live on in the paths below them.

    Known are ``# Markdown`` headings and lines underlined with one repeated character (reStructuredText, setext). The level
    of an underline character is the order of its first appearance, as reStructuredText has it. Fenced code is passed over.
    """
    headings = _find_headings(text)
    sections = [Section((), 0, headings[0].start if headings else len(text))]
    path: list[_Heading] = []
    for heading, after in zip(headings, [*headings[1:], None], strict=True):
        path = [*(outer for outer in path if outer.level < heading.level), heading]
        end = after.start if after else len(text)
        sections.append(Section(tuple(outer.text for outer in path), heading.body, end))
    return [section for section in sections if text[section.start : section.end].strip()]


def _find_headings(text: str) -> list[_Heading]:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    headings: list[_Heading] = []
    levels: dict[str, int] = {}
    fenced = False
    for index, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            if match := _ATX.match(line.rstrip("\n")):
                headings.append(_Heading(len(match[1]), match[2], starts[index], starts[index + 1]))
            elif (rule := _underline_of(lines, index)) is not None:
                level = levels.setdefault(rule, len(levels) + 1)
                headings.append(_Heading(level, line.strip(), starts[index], starts[index + 2]))
    return headings


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
