"""Rich Text Format, by striprtf: the running text; RTF marks no headings that could be relied on."""

from __future__ import annotations

from pathlib import Path

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.signatures import demand
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document


def read_rich_text(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read an RTF file; each of its paragraphs is one, cells of a row are parted by bars."""
    from striprtf.striprtf import rtf_to_text

    demand(path, b"{\\rtf", "RTF")
    # RTF itself is ASCII; what is not goes through escapes and the code page that the file declares.
    source = path.read_bytes().decode("latin-1")
    builder = TextBuilder(limits.max_chars)
    for paragraph in rtf_to_text(source, errors="replace").split("\n"):
        builder.block(" | ".join(cell.strip() for cell in paragraph.split("|") if cell.strip()))
    return builder.build(name)
