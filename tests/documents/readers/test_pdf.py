from __future__ import annotations

import io

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from embedtune.types import Document, Skipped

PROSE = [
    "The",
    "machine",
    "must",
    "be",
    "descaled",
    "every",
    "two",
    "months,",
    "because",
    "hard",
    "water",
    "leaves",
    "lime",
    "in",
    "the",
    "boiler",
    "and",
    "in",
    "the",
    "narrow",
    "pipes",
    "behind",
    "it.",
    "Fill",
    "the",
    "tank",
    "with",
    "fresh",
    "water,",
    "put",
    "the",
    "tablet",
    "into",
    "it,",
    "and",
    "wait",
    "until",
    "it",
    "has",
    "dissolved",
    "completely.",
]


def make_pdf(draw, **options) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **options)
    draw(canvas)
    canvas.save()
    return buffer.getvalue()


def draw_lines(canvas: Canvas, lines: list[str], top: float = 760, leading: float = 14) -> None:
    for number, line in enumerate(lines):
        canvas.drawString(72, top - number * leading, line)


def wrapped(words: list[str], width: int = 80) -> list[str]:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def test_lines_become_a_running_paragraph(read_bytes):
    data = make_pdf(lambda canvas: draw_lines(canvas, wrapped(PROSE)))
    assert read_bytes("a.pdf", data) == Document("a.pdf", "", " ".join(PROSE), (), (0,))


def test_gap_parts_paragraphs_and_short_lines_stay_lines(read_bytes):
    def draw(canvas):
        draw_lines(canvas, wrapped(PROSE))
        draw_lines(canvas, ["Brava Ltd.", "12 Mill Road", "Turin"], top=600)

    text = read_bytes("a.pdf", make_pdf(draw)).text
    assert text == " ".join(PROSE) + "\n\nBrava Ltd.\n12 Mill Road\nTurin"


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("and then the long screw is held by the mainte-", "nance team of the house", "maintenance team"),
        ("and the well-known lever is, as it is the well-", "known lever, turned", "well-known lever, turned"),
        ("and then the long screw is held by the house of A-", "Team and its engineer", "A-Team"),
    ],
)
def test_hyphen_at_the_end_of_a_line_is_undone(first, second, joined, read_bytes):
    assert joined in read_bytes("a.pdf", make_pdf(lambda canvas: draw_lines(canvas, [first, second]))).text


def test_outline_gives_headings_and_pages_their_offsets(read_bytes, parts):
    def draw(canvas):
        canvas.bookmarkPage("a")
        canvas.addOutlineEntry("Care", "a", level=0)
        draw_lines(canvas, ["1 Care"], top=800)
        draw_lines(canvas, wrapped(PROSE))
        canvas.showPage()
        canvas.bookmarkPage("b")
        canvas.addOutlineEntry("Descaling", "b", level=1)
        draw_lines(canvas, ["1.1 Descaling"], top=800)
        draw_lines(canvas, wrapped(PROSE))

    document = read_bytes("a.pdf", make_pdf(draw))
    assert [path for path, _ in parts(document)] == ["1 Care", "1 Care › 1.1 Descaling"]
    assert document.pages == (0, document.text.index("1.1 Descaling"))


def test_without_an_outline_large_type_gives_the_headings(read_bytes, parts):
    def draw(canvas):
        canvas.setFont("Helvetica", 24)
        draw_lines(canvas, ["The Brava 3"], top=810)
        for top, heading in ((780, "Care"), (600, "Descaling")):
            canvas.setFont("Helvetica-Bold", 16)
            draw_lines(canvas, [heading], top=top)
            canvas.setFont("Helvetica", 12)
            draw_lines(canvas, wrapped(PROSE), top=top - 20)

    assert parts(read_bytes("a.pdf", make_pdf(draw))) == [
        ("The Brava 3 › Care", " ".join(PROSE)),
        ("The Brava 3 › Descaling", " ".join(PROSE)),
    ]


def test_headers_footers_and_page_numbers_go(read_bytes):
    def draw(canvas):
        for number in range(1, 5):
            draw_lines(canvas, ["Brava manual, 2024"], top=820)
            draw_lines(canvas, [f"Chapter {['one', 'two', 'three', 'four'][number - 1]} begins."])
            draw_lines(canvas, [f"page {number} of 4"], top=30)
            canvas.showPage()

    text = read_bytes("a.pdf", make_pdf(draw)).text
    assert text == "Chapter one begins.\n\nChapter two begins.\n\nChapter three begins.\n\nChapter four begins."


def test_sentence_goes_on_over_a_page_break(read_bytes):
    def draw(canvas):
        draw_lines(canvas, ["Fill the tank with"])
        canvas.showPage()
        draw_lines(canvas, ["fresh water."])

    document = read_bytes("a.pdf", make_pdf(draw))
    assert document.text == "Fill the tank with fresh water."
    assert document.text[document.pages[1] :] == "fresh water."


def test_rows_of_a_table_stay_rows(read_bytes):
    def draw(canvas):
        draw_lines(canvas, wrapped(PROSE))
        for row, cells in enumerate([("Cost of revenue", "4,720", "2,754"), ("Gross profit", "13,400", "3,177")]):
            for column, cell in enumerate(cells):
                canvas.drawString(72 + 200 * column, 700 - 14 * row, cell)

    assert read_bytes("a.pdf", make_pdf(draw)).text.endswith("Cost of revenue 4,720 2,754\nGross profit 13,400 3,177")


@pytest.mark.parametrize(("title", "kept"), [("Brava 3", "Brava 3"), ("Microsoft Word - x.doc", "")])
def test_title_is_kept_if_the_first_page_shows_it(title, kept, read_bytes):
    def draw(canvas):
        canvas.setTitle(title)
        draw_lines(canvas, ["Brava 3", "Fill the tank."])

    assert read_bytes("a.pdf", make_pdf(draw)).title == kept


def test_encrypted_file_is_named_as_such(read_bytes):
    data = make_pdf(lambda canvas: draw_lines(canvas, ["x"]), encrypt="secret")
    assert read_bytes("a.pdf", data) == Skipped("a.pdf", "encrypted: it needs a password")


def test_scan_without_text_would_need_ocr(read_bytes):
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    data = make_pdf(lambda canvas: canvas.drawImage(ImageReader(Image.new("RGB", (9, 9))), 0, 0))
    assert read_bytes("a.pdf", data) == Skipped("a.pdf", "no text layer, only images: OCR would be needed")


def test_pdf_without_anything_is_empty(read_bytes):
    assert read_bytes("a.pdf", make_pdf(lambda canvas: canvas.showPage())).reason == "empty: no text on any page"


def test_too_many_pages_are_not_read(read_bytes):
    def draw(canvas):
        for _ in range(12):
            draw_lines(canvas, ["x"])
            canvas.showPage()

    assert read_bytes("a.pdf", make_pdf(draw), max_pages=10).reason == "too many pages: 12, the limit is 10"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html></html>", "not a PDF: it looks like HTML"),
        (b"hello", "not a PDF: it looks like text"),
        (b"%PDF-1.4 cut off", "broken PDF: "),
    ],
)
def test_what_is_no_pdf_is_refused(data, reason, read_bytes):
    assert read_bytes("a.pdf", data).reason.startswith(reason)
