"""Plain text, kept as it is; files of any size are read as one document in parts, so that memory holds one part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from embedtune.documents.headings import SectionFinder, find_sections
from embedtune.documents.readers import read as read_here
from embedtune.documents.readers.files import BYTE_ORDER_MARKS, ReadingLimits, read_decoded
from embedtune.documents.segmentation import find_break
from embedtune.documents.text_builder import TooMuchText
from embedtune.types import Document, Skipped

_BLOCK = 1 << 20


def is_large_text(path: Path, limits: ReadingLimits) -> bool:
    """Return whether a file is plain text and may be too long to be read at once."""
    with suppress(OSError):
        return path.suffix.lower() == ".txt" and path.stat().st_size > limits.max_chars
    return False


def read_large_text(path: Path, name: str, limits: ReadingLimits) -> Iterator[Document | Skipped]:
    """Read a text of any size in UTF-8, or in UTF-16 or UTF-32 with a byte order mark; others are read at once or not at all.

    Yields parts of at most ``limits.max_chars``, begun behind a blank line where there is one. The file is read twice: one
    that is no text in its last line must not be read in part.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
        encoding = next((encoding for mark, encoding in BYTE_ORDER_MARKS if head.startswith(mark)), "utf-8")
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        match _kind(path, encoding):
            case "text":
                yield from _parts(path, name, encoding, limits.max_chars)
            case "blank":
                yield Skipped(name, "empty")
            case _:
                yield read_here(path, name, limits)
    except OSError as error:
        yield Skipped(name, error.strerror or type(error).__name__)


def _kind(path: Path, encoding: str) -> str:
    """Return ``text``, ``blank``, or ``other`` for what is no text in that encoding."""
    kind = "blank"
    try:
        with path.open(encoding=encoding) as file:
            while block := file.read(_BLOCK):
                if "\0" in block:
                    return "other"
                if block.strip():
                    kind = "text"
    except UnicodeDecodeError:
        return "other"
    return kind


def _parts(path: Path, name: str, encoding: str, max_chars: int) -> Iterator[Document]:
    finder, offset, text = SectionFinder(), 0, ""
    with path.open(encoding=encoding) as file:
        while True:
            text += file.read(max_chars - len(text))
            if not text:
                return
            end = find_break(text, 0, len(text)) if len(text) == max_chars else len(text)
            yield Document(name, "", text[:end], tuple(finder.find(text[:end])), (), offset)
            offset += end
            text = text[end:]


def read_text(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a text file; headings are lines underlined with one character, or begun with ``#``."""
    text = read_decoded(path)
    if len(text) > limits.max_chars:
        raise TooMuchText(f"more than {limits.max_chars:,} characters of text")
    return Document(name, "", text, tuple(find_sections(text)))
