"""Word documents (docx): headings, paragraphs, lists, tables and notes in reading order, by python-docx; RTF by striprtf.

python-docx's own ``paragraph.text`` passes over content controls, tracked insertions, text boxes and notes; so the elements are
walked here, and python-docx opens the file and resolves the styles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.files import Unreadable, open_archive, require_signature
from embedtune.documents.readers.markup import local_name, parse_xml
from embedtune.documents.readers.tables import describe_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.text.paragraph import Paragraph


def read_rich_text(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an RTF file; each of its paragraphs is one, cells of a row are parted by bars."""
    from striprtf.striprtf import rtf_to_text

    require_signature(path, b"{\\rtf", "RTF")
    # RTF itself is ASCII; what is not goes through escapes and the code page that the file declares.
    source = path.read_bytes().decode("latin-1")
    builder = TextBuilder(limits.max_chars)
    for paragraph in rtf_to_text(source, errors="replace").split("\n"):
        builder.block(" | ".join(cell.strip() for cell in paragraph.split("|") if cell.strip()))
    return builder.build(name)


_WHAT = "a Word document"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_CONTROLS = ("sdt", "sdtContent", "customXml", "ins", "moveTo")
_GONE = ("del", "moveFrom", "pPr", "rPr", "Fallback", "txbxContent", "instrText")
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


def read_word(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a Word document; headings are told by their styles, deletions that are tracked are left out."""
    from docx import Document as open_document

    with open_archive(path, _WHAT, limits) as archive:
        if "word/document.xml" not in archive.namelist():
            raise Unreadable(f"not {_WHAT}: a zip archive without word/document.xml")
    document = open_document(str(path))
    builder = TextBuilder(limits.max_chars)
    _Walker(builder, document).add(document.element.body)
    return builder.build(name)


class _Walker:
    """Adds the blocks of a document; list items that follow each other are one block."""

    def __init__(self, builder: TextBuilder, document: WordDocument) -> None:
        self._builder, self._document = builder, document
        self._notes = dict(_notes(document))
        self._items: list[str] = []

    def add(self, parent: Any) -> None:
        """Add all blocks within an element."""
        for element in _blocks(parent):
            if element.tag == f"{_W}tbl":
                self._flush()
                for line in describe_table(self._rows(element)):
                    self._builder.block(line)
            else:
                self._paragraph(element)
        self._flush()

    def _paragraph(self, element: Any) -> None:
        from docx.text.paragraph import Paragraph

        paragraph = Paragraph(element, self._document)
        style = paragraph.style.name or "" if paragraph.style is not None else ""
        text = self._text(element)
        level = _level(paragraph, style)
        if level is None and style.lower().startswith("list ") and text.strip():
            self._items.append(f"- {text}")
            return
        self._flush()
        if style == "Title" and not self._builder.title:
            self._builder.title = text
            self._builder.heading(1, text)
        elif level is not None:
            self._builder.heading(level + bool(self._builder.title), text)
        else:
            self._builder.block(text)
        for box in element.iter(f"{_W}txbxContent"):
            if not any(local_name(outer) == "Fallback" for outer in box.iterancestors()):
                self.add(box)

    def _flush(self) -> None:
        self._builder.block("\n".join(self._items))
        self._items.clear()

    def _rows(self, table: Any) -> Iterator[list[str]]:
        """Yield the texts of the cells; a cell that spans rows stands in the first of them."""
        for row in _children(table, "tr"):
            yield [self._cell(cell) for cell in _children(row, "tc")]

    def _cell(self, cell: Any) -> str:
        return " ".join(self._text(paragraph) for paragraph in cell.iter(f"{_W}p"))

    def _text(self, element: Any) -> str:
        """Return the text of a paragraph; notes stand in brackets where they are called."""
        parts: list[str] = []
        for child in element:
            name = local_name(child)
            if name == "t":
                parts.append(child.text or "")
            elif name in _CHARACTERS:
                parts.append(_CHARACTERS[name])
            elif name in _NOTES:
                note = self._notes.get((_NOTES[name], child.get(f"{_W}id")), "")
                parts.append(f" ({note})" if note else "")
            elif name not in _GONE:
                parts.append(self._text(child))
        return "".join(parts)


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield paragraphs and tables, those within content controls and insertions too."""
    for child in parent:
        name = local_name(child)
        if name in ("p", "tbl"):
            yield child
        elif name in _CONTROLS:
            yield from _blocks(child)


def _children(parent: Any, wanted: str) -> Iterator[Any]:
    for child in parent:
        name = local_name(child)
        if name == wanted:
            yield child
        elif name in _CONTROLS:
            yield from _children(child, wanted)


def _notes(document: WordDocument) -> Iterator[tuple[tuple[str, str | None], str]]:
    """Yield the texts of footnotes and endnotes by kind and id."""
    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2].removesuffix("s")
        if kind in _NOTES.values() and not relation.is_external:
            for note in parse_xml(relation.target_part.blob).iter(kind):
                text = " ".join("".join(part.itertext("t")) for part in note.iter("p"))
                yield (kind, note.get(f"{_W}id")), text.strip()


def _level(paragraph: Paragraph, style: str) -> int | None:
    """Return the level of a heading, by the name of its style or by the outline level that it or the style carries."""
    if match := _HEADING.match(style):
        return int(match[1])
    for properties in (paragraph._p.pPr, paragraph.style.element.pPr if paragraph.style is not None else None):
        outline = None if properties is None else properties.find(f"{_W}outlineLvl")
        if outline is not None:
            value = int(next(iter(outline.values()), "9"))
            return value + 1 if value < 9 else None  # 9 is body text
    return None
