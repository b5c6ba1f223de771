"""HTML: the main text of a page under its headings; and XML and HTML parsers without entities of the file or network access."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.documents.readers.files import ReadingLimits, Unreadable, decode, looks_like
from embedtune.documents.readers.tables import Cell, add_table
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.text.words import unwrap
from embedtune.types import Document

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9._:-]+)""")
_DECLARED_WITHIN = 2048
_DEPTH = "xcessive depth"  # how libxml2 puts it
_TOO_DEEP = "nested too deeply"


def parse_xml(data: bytes) -> Element:
    """Parse XML; namespaces are taken off the names.

    Raises ``Unreadable`` if it is not well-formed, or declares entities: expanded, a few lines of them fill any memory.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root: Element = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(_TOO_DEEP if _DEPTH in error.msg else f"not well-formed XML: {error.msg}") from None
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise Unreadable("it declares XML entities of its own, which are not expanded")
    for element in root.iter(etree.Element):
        element.tag = local_name(element)
    return root


def parse_html(data: bytes) -> Element | None:
    """Parse HTML as browsers do, faults and all; None where there is nothing to parse.

    Raises ``Unreadable`` if the encoding is neither declared nor certain, or elements are nested too deeply.
    """
    from lxml import etree

    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, declared[1].decode("ascii") if declared else None)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    if not text.strip():
        return None
    root: Element | None = etree.fromstring(text.encode("utf-8", "replace"), parser)
    if any(_DEPTH in entry.message for entry in parser.error_log):  # deeper elements have been left out
        raise Unreadable(_TOO_DEEP)
    return root


def parse_xhtml(data: bytes) -> Element | None:
    """Parse XHTML: as XML where it is well-formed, else as HTML."""
    try:
        return parse_xml(data)
    except Unreadable:
        return parse_html(data)


def local_name(element: Element) -> str:
    """Return an element's name without its namespace; comments and the like have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def text_of(element: Element) -> str:
    """Return all text within an element."""
    return "".join(element.itertext())


_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    str.split(
        "address article aside blockquote body caption center details dialog div dl fieldset figcaption figure "
        "footer form header hr html legend main p section summary table tbody td tfoot th thead tr"
    )
)
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_SILENT = frozenset(
    str.split(
        "audio button canvas datalist embed frame head iframe input map meter nav noscript object progress script "
        "select style svg template textarea title video"
    )
)
_PAGE_PARTS = frozenset(("header", "footer", "aside"))  # of the page, unless they are part of its content
_CONTENT = frozenset(("article", "main", "section", "td"))
_SILENT_ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar", "dialog"))
_SILENT_CLASSES = frozenset(
    str.split(
        "breadcrumb breadcrumbs catlinks cookie-banner cookie-consent headerlink mw-editsection navbar navbox noprint "
        "printfooter sidebar skip-link sr-only visually-hidden"
    )
)
_MENU_ITEMS = 8  # a list of so many short links and nothing else is a menu
_MENU_WORDS = 6  # in each item, on average
_ALL_ROWS = 65_534  # as many as HTML allows
_FOOTNOTE = re.compile(r"\[\s*\w{1,12}(?:\s\d+)?\s*\]")
_BEFORE_ITEM = re.compile(r"(?<!\s)\s++(?=(?:-|\d+\.) )")
_NEXT_ITEM = re.compile(r"\n- ")
_WHITE = re.compile(r"\s+")


def add_element(builder: TextBuilder, root: Element, outer_level: int = 0) -> None:
    """Add an element with its content; its headings are ``outer_level`` levels deeper."""
    _Walker(builder, outer_level).walk(root)


class _Walker:
    """Collects the inline text of a block until the block ends."""

    def __init__(self, builder: TextBuilder, outer_level: int) -> None:
        self._builder, self._outer_level = builder, outer_level
        self._inline: list[str] = []
        self._lists: list[int | None] = []  # of each open list the number of its last item, if it has numbers

    def walk(self, root: Element, *, as_inline: bool = False) -> None:
        """Add an element with its content; with ``as_inline`` the element itself is no block."""
        from lxml import etree

        events = etree.iterwalk(root, events=("start", "end"))
        for event, element in events:
            if event == "end":
                self.end(element, is_root=element is root)
            elif as_inline and element is root:
                self._add(root.text)
            elif self.start(element, is_root=element is root):
                events.skip_subtree()
        self.flush()

    def start(self, element: Element, *, is_root: bool) -> bool:
        """Process the start of an element; returns True if its content is done too."""
        if (not is_root and _is_silent(element)) or self._unit(element):
            return True
        tag = element.tag
        if tag in _LISTS:
            self._break()
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._inline.append("\n" + self._bullet())
        elif tag in ("br", "dd"):
            self._inline.append("\n")
        elif tag in _BLOCKS or tag == "dt":
            self._break()
        self._add(element.text)
        return False

    def _unit(self, element: Element) -> bool:
        """Add a heading, code or a table; returns False for anything else."""
        if element.tag in _HEADINGS:
            self.flush()
            self._builder.heading(_HEADINGS[element.tag] + self._outer_level, _text_without_silent(element))
        elif element.tag == "pre":
            self.flush()
            self._builder.code(text_of(element))
        elif element.tag == "table" and _is_data(element):
            self._table(element)
        else:
            return False
        return True

    def end(self, element: Element, *, is_root: bool) -> None:
        """Process the end of an element."""
        if element.tag in _LISTS and self._lists:
            self._lists.pop()
            self._break()
        elif element.tag in _BLOCKS:
            self._break()
        if not is_root:
            self._add(element.tail)

    def flush(self) -> None:
        """Add the text that was collected as a block."""
        self._builder.block(_BEFORE_ITEM.sub(_one_break, "".join(self._inline)))
        self._inline.clear()

    def _bullet(self) -> str:
        if not self._lists or (number := self._lists[-1]) is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number + 1}. "

    def _break(self) -> None:
        """End the block; within a list, the line."""
        if not self._lists:
            self.flush()
        elif self._inline and not self._inline[-1].endswith(("- ", ". ", "\n")):
            self._inline.append("\n")

    def _table(self, element: Element) -> None:
        self.flush()
        caption = element.find("caption")
        if caption is not None:
            self._builder.block(text_of(caption))
        rows = [list(row.iterchildren("td", "th")) for row in element.iter("tr")]
        first = next((row for row in rows if len(row) > 1), [])  # below titles
        named = len(rows) > 1 and bool(first) and all(cell.tag == "th" for cell in first)
        cells = [
            [Cell(_text_without_silent(cell), _reach(cell, "rowspan"), _reach(cell, "colspan")) for cell in row]
            for row in rows
        ]
        add_table(self._builder, cells, header=named or None)

    def _add(self, text: str | None) -> None:
        if text:
            self._inline.append(_WHITE.sub(" ", unwrap(text)))


def _reach(cell: Element, attribute: str) -> int:
    """Return over how many rows or columns a cell reaches; to the last row where it says 0."""
    value = cell.get(attribute, "1").strip()
    reach = int(value) if value.isascii() and value.isdigit() else 1
    return reach or (_ALL_ROWS if attribute == "rowspan" else 1)


def _is_silent(element: Element) -> bool:
    tag = element.tag
    if tag in _SILENT or element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if element.get("role") in _SILENT_ROLES or not _SILENT_CLASSES.isdisjoint(element.get("class", "").split()):
        return True
    if (tag in _LISTS and _is_menu(element)) or "display:none" in element.get("style", "").replace(" ", ""):
        return True
    if tag == "sup":
        return bool(_FOOTNOTE.fullmatch(text_of(element).strip()))
    return tag in _PAGE_PARTS and not any(outer.tag in _CONTENT for outer in element.iterancestors())


def _is_menu(listed: Element) -> bool:
    """Return whether a list is a menu: many short links and nothing else; in a table cell it is a value."""
    items = list(listed.iterchildren("li"))
    if len(items) < _MENU_ITEMS or any(outer.tag == "td" for outer in listed.iterancestors()):
        return False
    words = [len(text_of(item).split()) for item in items]
    linked = sum(len(text_of(link).split()) for link in listed.iter("a"))
    return linked >= 0.9 * sum(words) and sum(words) <= _MENU_WORDS * len(items)


def _is_data(table: Element) -> bool:
    """Distinguish a table from a page that is laid out with one: data has several columns and no tables or headings within."""
    if table.find(".//table") is not None or any(table.find(f".//{heading}") is not None for heading in _HEADINGS):
        return False
    columns = [len(list(row.iterchildren("td", "th"))) for row in table.iter("tr")]
    return len(columns) > 1 and max(columns) > 1


def _text_without_silent(element: Element) -> str:
    """Return the text of a heading or a cell in one line."""
    if len(element) == 0:
        return one_line(element.text or "")
    inner = TextBuilder()
    _Walker(inner, 0).walk(element, as_inline=True)
    return one_line(_NEXT_ITEM.sub(", ", inner.build("").text.removeprefix("- ")))


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


def add_html(builder: TextBuilder, root: Element | None) -> None:
    """Add a page; it gives the title if there is none yet and it has no ``h1``."""
    if root is None:
        return
    content = _content(root)
    if not builder.title and content.find(".//h1") is None:
        title = root.find(".//head/title")
        builder.title = one_line(text_of(title)) if title is not None else ""
    add_element(builder, content)
    if builder.is_empty:  # all of it looks like navigation; better that than nothing
        builder.block(_text_without_code(content))


def _content(root: Element) -> Element:
    """Return the element with the page's own text: main, a single article, or the body."""
    body = root.find(".//body")
    whole = root if body is None else body
    words = _count_words(whole)
    for path in (".//main", ".//*[@role='main']", ".//article"):
        matches = whole.findall(path)
        if len(matches) == 1 and _count_words(matches[0]) >= _MAIN_SHARE * words:
            return matches[0]
    return whole


def _count_words(element: Element) -> int:
    return len(_WORD.findall(_text_without_code(element)))


def _text_without_code(element: Element) -> str:
    return " ".join(element.xpath(".//text()[not(ancestor::script or ancestor::style or ancestor::title)]"))


def _one_break(match: re.Match[str]) -> str:
    before, *breaks = match[0].split("\n")
    return f"{before}\n" if len(breaks) > 1 else match[0]
