"""Word documents (docx): headings, paragraphs, lists and tables in reading order, by python-docx."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.archives import open_archive
from embedtune.documents.readers.rows import describe_table
from embedtune.documents.readers.unreadable import Unreadable
from embedtune.documents.text_builder import TextBuilder
from embedtune.records import Document

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_WHAT = "a Word document"
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_OUTLINE = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}outlineLvl"


def read_word(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a Word document; headings are told by their styles."""
    from docx import Document as open_document
    from docx.table import Table

    with open_archive(path, _WHAT, limits) as archive:
        if "word/document.xml" not in archive.namelist():
            raise Unreadable(f"not {_WHAT}: a zip archive without word/document.xml")
    document = open_document(str(path))
    builder = TextBuilder(limits.max_chars)
    listed: list[str] = []
    for part in document.iter_inner_content():
        is_item = not isinstance(part, Table) and _is_item(part)
        if not is_item:
            builder.block("\n".join(listed))
            listed.clear()
        if isinstance(part, Table):
            _add_table(builder, part)
        elif is_item:
            listed.append(f"- {part.text}")
        else:
            _add_paragraph(builder, part)
    builder.block("\n".join(listed))
    return builder.build(name)


def _add_paragraph(builder: TextBuilder, paragraph: Paragraph) -> None:
    style = paragraph.style.name or "" if paragraph.style is not None else ""
    if style == "Title" and not builder.title:
        builder.title = paragraph.text
        builder.heading(1, paragraph.text)
    elif (level := _level(paragraph, style)) is not None:
        builder.heading(level + bool(builder.title), paragraph.text)
    else:
        builder.block(paragraph.text)


def _level(paragraph: Paragraph, style: str) -> int | None:
    """Return the level of a heading, by the name of its style or by the outline level that the style carries."""
    if match := _HEADING.match(style):
        return int(match[1])
    for properties in (paragraph._p.pPr, paragraph.style.element.pPr if paragraph.style is not None else None):
        outline = None if properties is None else properties.find(_OUTLINE)
        if outline is not None:
            value = int(next(iter(outline.values()), "9"))
            return value + 1 if value < 9 else None  # 9 is body text
    return None


def _is_item(paragraph: Paragraph) -> bool:
    style = paragraph.style.name or "" if paragraph.style is not None else ""
    return bool(paragraph.text.strip()) and style.lower().startswith("list ") and _level(paragraph, style) is None


def _add_table(builder: TextBuilder, table: Table) -> None:
    """Add a table; a merged cell stands once, not in each column it spans."""
    rows = []
    for row in table.rows:
        seen: list[object] = []
        cells = []
        for cell in row.cells:
            if any(cell._tc is other for other in seen):
                continue
            seen.append(cell._tc)
            cells.append(" ".join(paragraph.text for paragraph in cell.paragraphs) + _nested(cell.tables))
        rows.append(cells)
    for line in describe_table(rows):
        builder.block(line)


def _nested(tables: list[Table]) -> str:
    return "".join(f" {cell.text}" for table in tables for row in table.rows for cell in row.cells)
