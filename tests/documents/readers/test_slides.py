from __future__ import annotations

import io

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches


def make_slides(fill) -> bytes:
    presentation, buffer = Presentation(), io.BytesIO()
    fill(presentation)
    presentation.save(buffer)
    return buffer.getvalue()


def fill(presentation) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Care"
    slide.placeholders[1].text = "Fill the tank.\nWait."
    slide.notes_slide.notes_text_frame.text = "Show the tank."
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Prices"
    table = slide.shapes.add_table(2, 2, 0, Inches(2), Inches(4), Inches(1)).table
    for number, text in enumerate(["part", "price", "seal", "3"]):
        table.cell(number // 2, number % 2).text = text
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("sold", (5, 7))
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, 0, Inches(4), Inches(4), Inches(2), data)


def test_each_slide_is_a_page_with_its_title_as_heading(read_bytes, parts):
    document = read_bytes("a.pptx", make_slides(fill))
    assert parts(document) == [
        ("Care", "Fill the tank.\nWait.\n\nShow the tank."),
        ("Prices", "part: seal; price: 3\n\n2023; sold: 5\n\n2024; sold: 7"),
    ]
    assert document.pages == (0, document.text.index("Prices"))


def test_too_many_slides_are_not_read(read_bytes):
    assert read_bytes("a.pptx", make_slides(fill), max_pages=1).reason == "too many slides: 2, the limit is 1"


def test_presentation_without_text_is_empty(read_bytes):
    assert read_bytes("a.pptx", make_slides(lambda _: None)).reason == "empty"
