"""E-books (EPUB): the chapters in the order of the spine, by zipfile and lxml."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zipfile import ZipFile

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.files import Unreadable, open_archive, read_member
from embedtune.documents.readers.html import add_html
from embedtune.documents.readers.markup import parse_xhtml, parse_xml, text_of
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_WHAT = "an EPUB"
_CONTAINER = "META-INF/container.xml"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def read_ebook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an e-book; its own table of contents is left out."""
    with open_archive(path, _WHAT, limits) as archive:
        package_name = _package_name(archive)
        package = parse_xml(read_member(archive, package_name, _WHAT))
        builder = TextBuilder(limits.max_chars)
        title = package.find("./metadata/title")
        builder.title = text_of(title) if title is not None else ""
        locked = _encrypted(archive)
        for chapter in _spine(package, posixpath.dirname(package_name)):
            if chapter in locked:
                raise Unreadable("encrypted")
            add_html(builder, parse_xhtml(read_member(archive, chapter, _WHAT)))
        return builder.build(name)


def _package_name(archive: ZipFile) -> str:
    root = parse_xml(read_member(archive, _CONTAINER, _WHAT)).find("./rootfiles/rootfile")
    if root is None or not root.get("full-path"):
        raise Unreadable(f"not {_WHAT}: {_CONTAINER} names no package")
    return str(root.get("full-path"))


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


def _encrypted(archive: ZipFile) -> set[str]:
    """Return the names of the encrypted files; often only fonts are."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    root = parse_xml(archive.read("META-INF/encryption.xml"))
    return {unquote(reference.get("URI", "")) for reference in root.iter("CipherReference")}
