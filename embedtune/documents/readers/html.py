"""HTML: the page's own text under its headings, without navigation, scripts and footers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.html_walker import add_element
from embedtune.documents.readers.markup import parse_html, parse_xhtml, text_of
from embedtune.documents.readers.signatures import looks_like
from embedtune.documents.readers.unreadable import Unreadable
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.types import Document

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_WORD = re.compile(r"\w+")
_MAIN_SHARE = 0.4  # of the page's words; a smaller <main> or <article> is a teaser, not the content
_POINTER = b"version https://git-lfs"


def read_html(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a web page."""
    data = path.read_bytes()
    if data.startswith(_POINTER):
        raise Unreadable(f"not HTML: it looks like {looks_like(data[:100])}")
    builder = TextBuilder(limits.max_chars)
    add_html(builder, parse_xhtml(data) if data.lstrip()[:5] == b"<?xml" else parse_html(data))
    return builder.build(name)


def add_html(builder: TextBuilder, root: Element | None, *, outer_level: int = 0) -> None:
    """Add a page to a document.

    Args:
        builder: What it is added to; gets the page's title if it has no title yet and the page no ``h1``.
        root: The page.
        outer_level: Level of the heading that the page stands under.
    """
    if root is None:
        return
    content = _content(root)
    if not builder.title and content.find(".//h1") is None:
        title = root.find(".//head/title")
        builder.title = one_line(text_of(title)) if title is not None else ""
    add_element(builder, content, outer_level)
    if builder.is_empty:  # all of it looks like navigation; better that than nothing
        builder.block(_text_without_code(content))


def _content(root: Element) -> Element:
    """Return the element that holds the page's own text: main, a single article, or the body."""
    body = root.find(".//body")
    whole = root if body is None else body
    words = _count_words(whole)
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = whole.findall(path)
        if len(found) == 1 and _count_words(found[0]) >= _MAIN_SHARE * words:
            return found[0]
    return whole


def _count_words(element: Element) -> int:
    return len(_WORD.findall(_text_without_code(element)))


def _text_without_code(element: Element) -> str:
    return " ".join(element.xpath(".//text()[not(ancestor::script or ancestor::style or ancestor::title)]"))
