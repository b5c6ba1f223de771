"""XML of any kind: titles become headings, running text paragraphs, and small elements ``name: value`` lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.documents.readers.files import ReadingLimits, Unreadable, looks_like
from embedtune.documents.readers.html import add_element, add_html, parse_html, parse_xml, text_of
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.types import Document

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_TITLES = ("title", "head", "heading", "label")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d+|[a-z]+);")
_WORDS_APART = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_LONG_CHARS = 200  # a longer value is a paragraph of its own


def read_xml(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an XML file. Raises ``Unreadable`` if it is not well-formed, or declares entities."""
    data = path.read_bytes()
    try:
        root = parse_xml(data)
    except Unreadable as error:
        if data.lstrip(_BLANK).startswith(b"<"):
            raise
        raise Unreadable(f"{error}; it looks like {looks_like(data[:1024])}") from None
    builder = TextBuilder(limits.max_chars)
    if root.tag == "html":
        add_html(builder, root)
    else:
        _add(builder, root, level=1)
    return builder.build(name)


def _add(builder: TextBuilder, element: Element, level: int) -> None:
    """Add a structural element: its title as heading, its small children together, the others one by one."""
    children = [child for child in element if isinstance(child.tag, str)]
    title = next((child for child in children if child.tag.lower() in _TITLES and not len(child)), None)
    if title is not None and one_line(text_of(title)):
        builder.heading(level, text_of(title))
        level += 1
    pairs: dict[str, list[str]] = {}
    for child in children:
        if child is title:
            continue
        text = child.text or ""
        if not len(child) and len(text) <= _LONG_CHARS and not _TAG.search(text):
            pairs.setdefault(_name(child), []).append(one_line(text_of(child)))
            continue
        _flush(builder, pairs)
        if _is_text(child):
            _add_text(builder, child, level)
        else:
            _add(builder, child, level)
    _flush(builder, pairs)
    if not children:
        _add_text(builder, element, level)


def _add_text(builder: TextBuilder, element: Element, level: int) -> None:
    text = text_of(element)
    if _TAG.search(text):  # HTML within a text, as feeds have it
        page = parse_html(text.encode("utf-8", "replace"))
        if page is not None:
            add_element(builder, page, level - 1)
    else:
        builder.block(f"{_name(element)}: {one_line(text)}" if not len(element) else one_line(text))


def _flush(builder: TextBuilder, pairs: dict[str, list[str]]) -> None:
    """Add the small elements that were collected as one line, those of one name together."""
    builder.block(
        "; ".join(f"{name}: {', '.join(filter(None, values))}" for name, values in pairs.items() if any(values))
    )
    pairs.clear()


def _name(element: Element) -> str:
    return _WORDS_APART.sub(" ", str(element.tag)).strip()


def _is_text(element: Element) -> bool:
    """Return whether an element is running text, with elements between words, and not a container of elements."""
    between = [element.text, *(child.tail for child in element)]
    return not len(element) or any(text and text.strip() for text in between)
