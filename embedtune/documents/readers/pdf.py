"""PDF, by pypdfium2: running text, page by page; headings come from the outline, or from the size of the type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from embedtune.documents.readers.files import ReadingLimits, Unreadable, require_signature
from embedtune.documents.readers.pdf_layout import Line, add_pages, drop_furniture
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.types import Document

# PDFium writes this noncharacter for a hyphen at the end of a line, and leaves the line break out.
_LINE = re.compile("[^\n\ufffe]+\ufffe?")


def read_pdf(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a PDF with a text layer. Raises ``Unreadable`` if it is no PDF, encrypted, only images, or too long."""
    require_signature(path, b"%PDF", "a PDF")
    with closing(_open(path)) as pdf:
        count = len(pdf)
        if count > limits.max_pages:
            raise Unreadable(f"too many pages: {count:,}, the limit is {limits.max_pages:,}")
        outline = _outline(pdf)
        title = one_line(pdf.get_metadata_value("Title") or "")
        pages = [list(_lines(pdf, number)) for number in range(count)]
        if not any(pages):
            images = any(_has_images(pdf, number) for number in range(count))
            raise Unreadable(
                "no text layer, only images: OCR would be needed" if images else "empty: no text on any page"
            )
    builder = TextBuilder(limits.max_chars)
    builder.title = _trusted(title, pages)
    add_pages(builder, drop_furniture(pages), outline)
    return builder.build(name)


def _open(path: Path) -> Any:
    import pypdfium2 as pdfium

    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("encrypted: it needs a password") from None
        raise Unreadable(f"broken PDF: {error}") from None


def _outline(pdf: Any) -> dict[int, list[tuple[int, str]]]:
    """Return the outline's entries as levels, from 1, and titles, by the index of the page they lead to."""
    entries: dict[int, list[tuple[int, str]]] = {}
    for bookmark in pdf.get_toc(max_depth=8):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination is not None else None
        if page is not None and (title := one_line(bookmark.get_title())):
            entries.setdefault(page, []).append((bookmark.level + 1, title))
    return entries


def _lines(pdf: Any, number: int) -> Iterator[Line]:
    """Yield the lines of a page in the order of its content, with their boxes in points."""
    from pypdfium2 import raw

    page = pdf[number]
    with closing(page), closing(page.get_textpage()) as text_page:
        text = text_page.get_text_range(errors="replace")
        if not text.strip():
            return
        for match in _LINE.finditer(text):
            line = match[0].strip()
            if not line:
                continue
            first = match.start() + match[0].index(line)
            ends = (first, first + len(line) - 1)
            # Of the page's characters some are not in the text.
            indices = [max(0, raw.FPDFText_GetCharIndexFromTextIndex(text_page, end)) for end in ends]
            boxes = [text_page.get_charbox(index, loose=True) for index in indices]
            yield Line(
                line,
                left=min(box[0] for box in boxes),
                right=max(box[2] for box in boxes),
                top=max(box[3] for box in boxes),
                bottom=min(box[1] for box in boxes),
                size=min(box[3] - box[1] for box in boxes),
            )


def _has_images(pdf: Any, number: int) -> bool:
    from pypdfium2 import raw

    with closing(pdf[number]) as page:
        return any(True for _ in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=3))


def _trusted(title: str, pages: list[list[Line]]) -> str:
    """Return the metadata's title if it is on the first page; often it is the name of a file or of a template."""
    first = next((page for page in pages if page), [])
    squeezed = "".join("".join(line.text for line in first).casefold().split())
    return title if title and "".join(title.casefold().split()) in squeezed else ""
