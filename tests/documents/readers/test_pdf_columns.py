"""Columns that a PDF's writer drew row by row, and tables, which are rows."""

from __future__ import annotations

import io
from textwrap import wrap

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from embedtune.documents.readers.pdf_columns import Row, in_columns
from embedtune.documents.readers.pdf_layout import Line

FERRY = (
    "The ferry of Dalby was built by a smith from Rusk in the year 1745. It carries thirty people and four carts across the "
    "river, and in spring the keeper tars the hull, because the water stands high and brings stones."
)
TANNERY = (
    "The tannery of Rusk soaks leather in oak bark for nine months. The pits are covered in winter, so that no ice lifts the "
    "boards, and two workers stir them on Mondays, as they have done for a hundred years or more."
)
MILL = (
    "The mill of Selby grinds rye for three villages and lets the barley wait. Its wheel was mended in the dry summer, when "
    "the pond lay open and the carpenters could stand on the bottom of it with their boots."
)


def line(text: str, left: float, top: float) -> Line:
    return Line(text, left, left + 5 * len(text), top, top - 10, 10)


def rows_of(columns: list[list[str]], lefts: list[float], *, as_one: bool = True) -> list[Row]:
    rows = []
    for number in range(max(map(len, columns))):
        pieces = [
            line(column[number], left, 700 - 14 * number)
            for column, left in zip(columns, lefts, strict=True)
            if number < len(column)
        ]
        whole = Line(
            " ".join(piece.text for piece in pieces),
            pieces[0].left,
            pieces[-1].right,
            pieces[0].top,
            pieces[0].bottom,
            10,
        )
        rows += [Row([whole], pieces)] if as_one else [Row([piece], [piece]) for piece in pieces]
    return rows


@pytest.mark.parametrize("as_one", [True, False])
def test_columns_of_running_text_come_one_after_the_other(as_one):
    columns = [wrap(FERRY, 34), wrap(TANNERY, 34)]
    rows = [Row([line("Works along the river", 60, 760)], [line("Works along the river", 60, 760)])]
    rows += rows_of(columns, [60, 260], as_one=as_one)
    assert [each.text for each in in_columns(rows)] == ["Works along the river", *columns[0], *columns[1]]


def test_three_columns():
    columns = [wrap(text, 24) for text in (FERRY, TANNERY, MILL)]
    found = [each.text for each in in_columns(rows_of(columns, [40, 200, 360]))]
    assert found == [text for column in columns for text in column]


def test_a_column_may_be_longer_than_the_other():
    columns = [wrap(FERRY, 34), wrap(TANNERY, 34)[:5]]
    assert [each.text for each in in_columns(rows_of(columns, [60, 260]))] == columns[0] + columns[1]


@pytest.mark.parametrize(
    "columns",
    [
        [["Station", "Harrow mill", "Tansy bridge", "Penrith lock", "Dalby"], ["Level", "1.0", "3.5", "2.9", "0.7"]],
        [
            ["Name of the work", "Ferry of the northern river", "Tannery of the old town", "Mill of three villages", "Lock and its keeper"],
            ["Keeper and address", "Ada Weir, Mill Lane 3, Dalby", "Alan Ross, Quay Road 1", "Ines Holt, Church Row 9", "Jon Marsh"],
        ],
        [["Landing Gear Type:", "Airframe Total Time:", "Registered Owner:", "Date of Inspection:"], ["Tailwheel", "3861 Hours at time", "Willis Forman", "11/01/2007, Annual"]],
        [["Revenue of the year", "Cost of the revenue", "Tax on what remains", "Net income of it all"], ["$ 2,294 $ 1,945 $ 349 18 %"] * 4],
    ],
)  # fmt: skip
def test_rows_of_tables_and_forms_stay_rows(columns):
    rows = rows_of(columns, [60, 320])
    assert in_columns(rows) == [row.lines[0] for row in rows]


def test_few_lines_side_by_side_stay_rows():
    rows = rows_of([wrap(FERRY, 34)[:3], wrap(TANNERY, 34)[:3]], [60, 260])
    assert in_columns(rows) == [row.lines[0] for row in rows]
    assert in_columns([]) == []


@pytest.mark.parametrize("row_by_row", [True, False])
def test_a_page_reads_the_same_whatever_the_order_of_drawing(row_by_row, read_bytes):
    columns = [wrap(FERRY, 34), wrap(TANNERY, 34)]
    places = [(number, column) for column in (0, 1) for number in range(len(columns[column]))]
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    canvas.setFont("Helvetica", 10)
    for number, column in sorted(places) if row_by_row else places:
        canvas.drawString(60 + 190 * column, 760 - 14 * number, columns[column][number])
    canvas.save()
    text = read_bytes("a.pdf", buffer.getvalue()).text
    assert " ".join(text.split()) == f"{FERRY} {TANNERY}"
