"""Word, RTF, PowerPoint, OpenDocument and EPUB files.

python-docx's own ``paragraph.text`` leaves out content controls, tracked insertions, text boxes and notes; so the elements are
walked here, and python-docx opens the file and resolves the styles.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from embedtune.documents.readers.files import (
    ReadingLimits,
    Unreadable,
    check_archive,
    open_archive,
    read_member,
    require_signature,
)
from embedtune.documents.readers.html import add_html, local_name, parse_xhtml, parse_xml, text_of
from embedtune.documents.readers.tables import Cell, add_table, describe
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.text.paragraph import Paragraph
    from lxml.etree import _Element as Element


def read_rich_text(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an RTF file; paragraphs stay paragraphs, cells of a row are separated by bars."""
    from striprtf.striprtf import rtf_to_text

    require_signature(path, b"{\\rtf", "RTF")
    # RTF itself is ASCII; what is not goes through escapes and the code page that the file declares.
    source = path.read_bytes().decode("latin-1")
    builder = TextBuilder(limits.max_chars)
    for paragraph in rtf_to_text(source, errors="replace").split("\n"):
        builder.block(" | ".join(cell.strip() for cell in paragraph.split("|") if cell.strip()))
    return builder.build(name)


_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_CONTROLS = ("sdt", "sdtContent", "customXml", "ins", "moveTo")
_GONE = ("del", "moveFrom", "pPr", "rPr", "Fallback", "txbxContent", "instrText")
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


def read_word(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a Word document; headings are recognised by their styles, tracked deletions are left out."""
    from docx import Document as open_document

    check_archive(path, "a Word document", limits, member="word/document.xml")
    document = open_document(str(path))
    builder = TextBuilder(limits.max_chars)
    _WordWalker(builder, document).add(document.element.body)
    return builder.build(name)


class _WordWalker:
    """Adds the blocks of a document; list items that follow each other are one block."""

    def __init__(self, builder: TextBuilder, document: WordDocument) -> None:
        self._builder, self._document = builder, document
        self._notes = dict(_notes(document))
        self._items: list[str] = []

    def add(self, parent: Any) -> None:
        """Add all blocks within an element."""
        for element in _children(parent, "p", "tbl"):
            if element.tag == f"{_W}tbl":
                self._flush()
                add_table(self._builder, self._rows(element))
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

    def _rows(self, table: Any) -> list[list[Cell]]:
        """Return the cells of a table; one that goes on in rows below is in its first row, with its reach."""
        rows: list[list[Cell]] = []
        open_cells: dict[int, tuple[int, int]] = {}  # column → row, and number in it, of the cell that may go on
        for number, row in enumerate(_children(table, "tr")):
            skipped = _number(row.find(f"{_W}trPr/{_W}gridBefore"), 0)
            column, cells = skipped, [Cell("")] * skipped
            for element in _children(row, "tc"):
                columns = _number(element.find(f"{_W}tcPr/{_W}gridSpan"), 1)
                merge = element.find(f"{_W}tcPr/{_W}vMerge")
                if merge is not None and merge.get(f"{_W}val", "continue") == "continue" and column in open_cells:
                    first_row, place = open_cells[column]
                    first = rows[first_row][place]
                    rows[first_row][place] = first._replace(rows=number - first_row + 1)
                else:
                    open_cells[column] = (number, len(cells))
                    cells.append(Cell(self._cell(element), 1, columns))
                column += columns
            rows.append(cells)
        return rows

    def _cell(self, cell: Any) -> str:
        return " ".join(self._text(paragraph) for paragraph in cell.iter(f"{_W}p"))

    def _text(self, element: Any) -> str:
        """Return the text of a paragraph; notes are in brackets at their references."""
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


def _number(element: Any, otherwise: int) -> int:
    value = "" if element is None else element.get(f"{_W}val", "")
    return int(value) if value.isascii() and value.isdigit() else otherwise


def _children(parent: Any, *names: str) -> Iterator[Any]:
    """Yield the children of these names, also those of content controls and insertions."""
    for child in parent:
        name = local_name(child)
        if name in names:
            yield child
        elif name in _CONTROLS:
            yield from _children(child, *names)


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
    if match := _HEADING_STYLE.match(style):
        return int(match[1])
    for properties in (paragraph._p.pPr, paragraph.style.element.pPr if paragraph.style is not None else None):
        outline = None if properties is None else properties.find(f"{_W}outlineLvl")
        if outline is not None:
            value = int(next(iter(outline.values()), "9"))
            return value + 1 if value < 9 else None  # 9 is body text
    return None


def read_slides(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a presentation; each slide is a page, its title a heading."""
    from pptx import Presentation

    check_archive(path, "a PowerPoint presentation", limits, member="ppt/presentation.xml")
    slides = Presentation(str(path)).slides
    if len(slides) > limits.max_pages:
        raise Unreadable(f"too many slides: {len(slides):,}, the limit is {limits.max_pages:,}")
    builder = TextBuilder(limits.max_chars)
    for slide in slides:
        builder.page()
        title = slide.shapes.title
        has_title = title is not None and bool(title.text_frame.text.strip())
        if has_title:
            builder.heading(1, title.text_frame.text)
        for shape in _in_reading_order(slide.shapes):
            if not (has_title and shape.shape_id == title.shape_id):
                _add_shape(builder, shape)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.block(slide.notes_slide.notes_text_frame.text)
    return builder.build(name)


def _in_reading_order(shapes: Any) -> Iterator[Any]:
    """Yield shapes from top to bottom and left to right; those of a group stay together."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if hasattr(shape, "shapes"):
            yield from _in_reading_order(shape.shapes)
        else:
            yield shape


def _add_shape(builder: TextBuilder, shape: Any) -> None:
    if shape.has_text_frame:
        builder.block(shape.text_frame.text)
    elif shape.has_table:
        cells = [[cell for cell in row.cells if not cell.is_spanned] for row in shape.table.rows]
        add_table(builder, [[Cell(cell.text, cell.span_height, cell.span_width) for cell in row] for row in cells])
    elif shape.has_chart:
        _add_chart(builder, shape.chart)


def _add_chart(builder: TextBuilder, chart: Any) -> None:
    """Add a chart as the table it was drawn from."""
    if chart.has_title and chart.chart_title.has_text_frame:
        builder.block(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        names = ["", *(series.name or "" for series in plot.series)]
        values = [list(series.values) for series in plot.series]
        for number, category in enumerate(plot.categories):
            row = [value[number] for value in values if number < len(value)]
            cells = ["" if value is None else f"{value:.15g}" for value in row]
            builder.block(describe(names, [str(category), *cells]))


_OPEN_DOCUMENT = "an OpenDocument text"
_MANIFEST = "META-INF/manifest.xml"
_LEVEL = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}outline-level"
_REPEATED = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}c"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_MOST_REPEATED = 200  # of a cell in a row
_SILENT_ELEMENTS = frozenset(
    ("tracked-changes", "annotation", "annotation-end", "table-of-content", "note-citation", "sequence-decls")
)
_SPACES = {"s": " ", "tab": "\t", "line-break": "\n"}


def read_open_document(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an OpenDocument text; its generated table of contents is left out."""
    with open_archive(path, _OPEN_DOCUMENT, limits) as archive:
        if _MANIFEST in archive.namelist() and b"encryption-data" in archive.read(_MANIFEST):
            raise Unreadable("encrypted")
        root = parse_xml(read_member(archive, "content.xml", _OPEN_DOCUMENT))
    body = root.find("./body/text")
    if body is None:
        raise Unreadable(f"not {_OPEN_DOCUMENT}: its content.xml holds another kind of document")
    builder = TextBuilder(limits.max_chars)
    _add_odt(builder, body)
    return builder.build(name)


def _add_odt(builder: TextBuilder, element: Element) -> None:
    for child in element:
        match child.tag:
            case "h":
                builder.heading(int(child.get(_LEVEL, "1")), _odt_text(child))
            case "p":
                builder.block(_odt_text(child))
            case "list":
                builder.block("\n".join(f"- {_odt_text(part)}" for part in child.iter("p", "h")))
            case "table":
                add_table(builder, [_odt_row(row) for row in child.iter("table-row")])
            case tag if tag not in _SILENT_ELEMENTS:
                _add_odt(builder, child)


def _odt_row(row: Element) -> list[Cell]:
    """Return the cells of a row; those that another one covers are left out."""
    cells: list[Cell] = []
    for element in row.iterchildren("table-cell"):
        rows, columns = (int(element.get(f"{_TABLE}number-{what}-spanned", "1")) for what in ("rows", "columns"))
        repeated = int(element.get(f"{_TABLE}number-columns-repeated", "1"))
        cells += [Cell(_odt_text(element), rows, columns)] * min(repeated, _MOST_REPEATED)
    return cells


def _odt_text(element: Element) -> str:
    """Return the text of a paragraph or a cell; footnotes are at their references."""
    parts = [element.text or ""]
    for child in element:
        if child.tag in _SPACES:
            parts.append(_SPACES[child.tag] * min(int(child.get(_REPEATED, "1")), 80))
        elif child.tag == "note":
            parts.append(f" ({_odt_text(child).strip()})")
        elif child.tag not in _SILENT_ELEMENTS:
            parts.append(_odt_text(child) + ("\n" if child.tag in ("p", "h") else ""))
        parts.append(child.tail or "")
    return "".join(parts)


_BOOK = "an EPUB"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def read_ebook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an e-book; its own table of contents is left out."""
    with open_archive(path, _BOOK, limits) as archive:
        entry = parse_xml(read_member(archive, _CONTAINER, _BOOK)).find("./rootfiles/rootfile")
        if entry is None or not (package_name := entry.get("full-path")):
            raise Unreadable(f"not {_BOOK}: {_CONTAINER} names no package")
        package = parse_xml(read_member(archive, package_name, _BOOK))
        builder = TextBuilder(limits.max_chars)
        title = package.find("./metadata/title")
        builder.title = text_of(title) if title is not None else ""
        locked = set()  # often only fonts are encrypted
        if _ENCRYPTION in archive.namelist():
            references = parse_xml(archive.read(_ENCRYPTION)).iter("CipherReference")
            locked = {unquote(reference.get("URI", "")) for reference in references}
        for chapter in _spine(package, posixpath.dirname(package_name)):
            if chapter in locked:
                raise Unreadable("encrypted")
            add_html(builder, parse_xhtml(read_member(archive, chapter, _BOOK)))
        return builder.build(name)


def _spine(package: Element, folder: str) -> list[str]:
    """Return the names of the chapters in reading order."""
    items = {item.get("id"): item for item in package.findall("./manifest/item")}
    chapters = (items.get(entry.get("idref")) for entry in package.findall("./spine/itemref"))
    return [
        posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        for item in chapters
        if item is not None
        and item.get("media-type") in _CHAPTERS
        and "nav" not in (item.get("properties") or "").split()
    ]
