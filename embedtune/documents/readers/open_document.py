"""OpenDocument texts (odt): headings, paragraphs, lists and tables, by zipfile and lxml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.files import Unreadable, open_archive, read_member
from embedtune.documents.readers.markup import parse_xml
from embedtune.documents.readers.tables import describe_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_WHAT = "an OpenDocument text"
_LEVEL = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}outline-level"
_REPEATED = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}c"
_SILENT = frozenset(
    ("tracked-changes", "annotation", "annotation-end", "table-of-content", "note-citation", "sequence-decls")
)
_SPACES = {"s": " ", "tab": "\t", "line-break": "\n"}


def read_open_document(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an OpenDocument text; its generated table of contents is left out."""
    with open_archive(path, _WHAT, limits) as archive:
        if "META-INF/manifest.xml" in archive.namelist() and b"encryption-data" in archive.read(
            "META-INF/manifest.xml"
        ):
            raise Unreadable("encrypted")
        root = parse_xml(read_member(archive, "content.xml", _WHAT))
    body = root.find("./body/text")
    if body is None:
        raise Unreadable(f"not {_WHAT}: its content.xml holds another kind of document")
    builder = TextBuilder(limits.max_chars)
    _add(builder, body)
    return builder.build(name)


def _add(builder: TextBuilder, element: Element) -> None:
    for child in element:
        match child.tag:
            case "h":
                builder.heading(int(child.get(_LEVEL, "1")), _text(child))
            case "p":
                builder.block(_text(child))
            case "list":
                builder.block("\n".join(_items(child)))
            case "table":
                rows = [[_text(cell) for cell in row if cell.tag == "table-cell"] for row in child.iter("table-row")]
                for line in describe_table(rows):
                    builder.block(line)
            case tag if tag not in _SILENT:
                _add(builder, child)


def _items(listed: Element) -> list[str]:
    return [f"- {_text(part)}" for part in listed.iter("p", "h")]


def _text(element: Element) -> str:
    """Return the text of a paragraph or a cell; footnotes stand where they are called."""
    parts = [element.text or ""]
    for child in element:
        if child.tag in _SPACES:
            parts.append(_SPACES[child.tag] * min(int(child.get(_REPEATED, "1")), 80))
        elif child.tag == "note":
            parts.append(f" ({_text(child).strip()})")
        elif child.tag not in _SILENT:
            parts.append(_text(child) + ("\n" if child.tag in ("p", "h") else ""))
        parts.append(child.tail or "")
    return "".join(parts)
