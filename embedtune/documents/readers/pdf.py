"""PDF, by pypdfium2: running text, page by page; headings come from the outline, or from the size of the type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from embedtune.documents.readers.files import ReadingLimits, Unreadable, require_signature
from embedtune.documents.readers.pdf_columns import WIDE_GAP, Row, in_columns
from embedtune.documents.readers.pdf_layout import Line, add_pages, drop_furniture
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.types import Document

# PDFium writes this noncharacter for a hyphen at the end of a line, and leaves the line break out.
_LINE = re.compile("[^\n\ufffe]+\ufffe?")
_WORD = re.compile(r"\S+")


def read_pdf(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a PDF with a text layer. Raises ``Unreadable`` if it is no PDF, encrypted, only images, or too long."""
    require_signature(path, b"%PDF", "a PDF")
    with closing(_open(path)) as pdf:
        count = len(pdf)
        if count > limits.max_pages:
            raise Unreadable(f"too many pages: {count:,}, the limit is {limits.max_pages:,}")
        outline = _outline(pdf)
        title = one_line(pdf.get_metadata_value("Title") or "")
        pages = [in_columns(list(_rows(pdf, number))) for number in range(count)]
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


def _rows(pdf: Any, number: int) -> Iterator[Row]:
    """Yield the lines of a page in the order of its content, and their pieces between wide gaps."""
    page = pdf[number]
    with closing(page), closing(page.get_textpage()) as text_page:
        text = text_page.get_text_range(errors="replace")
        if not text.strip():
            return
        for match in _LINE.finditer(text):
            if stripped := match[0].strip():
                start = match.start() + match[0].index(stripped)
                line = _line(text_page, stripped, start)
                yield Row([line], _pieces(text_page, line, start))


def _line(text_page: Any, text: str, start: int) -> Line:
    """Return a stretch of a page's text with its box in points."""
    boxes = [_box(text_page, place) for place in (start, start + len(text) - 1)]
    return Line(
        text,
        left=min(box[0] for box in boxes),
        right=max(box[2] for box in boxes),
        top=max(box[3] for box in boxes),
        bottom=min(box[1] for box in boxes),
        size=min(box[3] - box[1] for box in boxes),
    )


def _box(text_page: Any, place: int) -> tuple[float, float, float, float]:
    """Return left, bottom, right and top of a character of the text; of the page's characters some are not in the text."""
    box: tuple[float, float, float, float] = text_page.get_charbox(_index(text_page, place), loose=True)
    return box


def _index(text_page: Any, place: int) -> int:
    from pypdfium2 import raw

    index: int = raw.FPDFText_GetCharIndexFromTextIndex(text_page, place)
    return max(0, index)


def _pieces(text_page: Any, line: Line, start: int) -> list[Line]:
    """Part a line where a gap is wider than any blank between words; a line that was drawn at once has none."""
    first, last = _index(text_page, start), _index(text_page, start + len(line.text) - 1)
    n_rects = text_page.count_rects(first, last - first + 1)
    rects = [text_page.get_rect(number) for number in range(n_rects)]
    widest = WIDE_GAP * line.height
    if all(right[0] - left[2] < widest for left, right in pairwise(rects)):
        return [line]
    words = [(match, _line(text_page, match[0], start + match.start())) for match in _WORD.finditer(line.text)]
    begins = [
        0,
        *(after.start() for (_, a), (after, b) in pairwise(words) if b.left - a.right >= widest),
        len(line.text),
    ]
    return [_line(text_page, line.text[a:b].rstrip(), start + a) for a, b in pairwise(begins)]


def _has_images(pdf: Any, number: int) -> bool:
    from pypdfium2 import raw

    with closing(pdf[number]) as page:
        return any(True for _ in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=3))


def _trusted(title: str, pages: list[list[Line]]) -> str:
    """Return the metadata's title if it is on the first page; often it is the name of a file or of a template."""
    first = next((page for page in pages if page), [])
    squeezed = "".join("".join(line.text for line in first).casefold().split())
    return title if title and "".join(title.casefold().split()) in squeezed else ""
