"""Plain text, kept as it is."""

from __future__ import annotations

from pathlib import Path

from embedtune.documents.headings import find_sections
from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.encodings import read_decoded
from embedtune.documents.text_builder import TooMuchText
from embedtune.types import Document


def read_text(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a text file; headings are lines underlined with one character, or begun with ``#``."""
    text = read_decoded(path)
    if len(text) > limits.max_chars:
        raise TooMuchText(f"more than {limits.max_chars:,} characters of text")
    return Document(name, "", text, tuple(find_sections(text)))
