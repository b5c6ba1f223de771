"""What a file looks like from its first bytes, for files that are not what their suffix says."""

from __future__ import annotations

from codecs import getincrementaldecoder
from pathlib import Path

from embedtune.documents.readers.unreadable import Unreadable

_LOOKS = (
    (b"version https://git-lfs", "a git-LFS pointer; run git lfs pull"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an OLE file, as old Office formats and encrypted new ones are"),
    (b"{\\rtf", "RTF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x7fELF", "a program"),
)
_HTML = (b"<!doctype html", b"<html")
_HEAD_BYTES = 1024


def looks_like(head: bytes) -> str:
    """Describe the first bytes of a file."""
    for signature, what in _LOOKS:
        if head.startswith(signature):
            return what
    start = head.lstrip().lower()
    if start.startswith(_HTML):
        return "HTML"
    if start.startswith(b"<?xml"):
        return "XML"
    try:
        getincrementaldecoder("utf-8")().decode(head)  # the head may end within a character
    except UnicodeDecodeError:
        return "unknown bytes"
    return "unknown bytes" if b"\0" in head else "text"


def demand(path: Path, signature: bytes, what: str) -> None:
    """Make sure that a file has a signature among its first bytes.

    Raises:
        Unreadable: If it has not; the reason says what it looks like instead.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if signature not in head:
        raise Unreadable(f"not {what}: it looks like {looks_like(head)}")
