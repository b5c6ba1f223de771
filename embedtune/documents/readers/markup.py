"""Parse XML and HTML with lxml: no entities of the file's own, no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedtune.documents.readers.files import Unreadable, decode

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9._:-]+)""")
_DECLARED_WITHIN = 2048
_DEPTH = "xcessive depth"  # how libxml2 puts it
_TOO_DEEP = "nested too deeply"


def parse_xml(data: bytes) -> Element:
    """Parse XML; namespaces are taken off the names.

    Raises:
        Unreadable: If it is not well-formed, or declares entities: expanded, a few lines of them can fill any memory.
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

    Raises:
        Unreadable: If the encoding is neither declared nor certain, or elements stand in each other beyond all measure.
    """
    from lxml import etree

    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, declared[1].decode("ascii") if declared else None)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    if not text.strip():
        return None
    root: Element | None = etree.fromstring(text.encode("utf-8", "replace"), parser)
    if any(_DEPTH in entry.message for entry in parser.error_log):  # what stands deeper has been left out
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
