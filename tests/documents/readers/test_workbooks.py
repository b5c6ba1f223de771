from __future__ import annotations

import io
from datetime import date, datetime

import xlsxwriter


def make_workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"default_date_format": "yyyy-mm-dd"}) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write(number, column, cell)
    return buffer.getvalue()


def test_each_sheet_is_a_page_with_its_name_as_heading(read_bytes, parts):
    sheets = {
        "People": [
            ["name", "born", "is dead"],
            ["Ada", datetime(1915, 12, 10), True],
            ["Alan", date(1912, 6, 23), False],
        ],
        "Empty": [],
        "Prices": [["seal", 3.0], ["pump", 9.25]],
    }
    document = read_bytes("a.xlsx", make_workbook(sheets))
    assert parts(document) == [
        ("People", "name: Ada; born: 1915-12-10; is dead: yes\n\nname: Alan; born: 1912-06-23; is dead: no"),
        ("Prices", "seal: 3\n\npump: 9.25"),
    ]
    assert document.pages == (0, document.text.index("Prices"), document.text.index("Prices"))


def test_too_many_sheets_are_not_read(read_bytes):
    data = make_workbook({str(number): [["x"]] for number in range(3)})
    assert read_bytes("a.xlsx", data, max_pages=2).reason == "too many sheets: 3, the limit is 2"


def test_workbook_without_cells_is_empty(read_bytes):
    assert read_bytes("a.xlsx", make_workbook({"One": []})).reason == "empty"


def test_old_workbook_must_be_one(read_bytes):
    assert read_bytes("a.xls", b"PK\x03\x04xxxx").reason == (
        "not an Excel workbook of the old kind: it looks like a zip archive"
    )
    assert read_bytes("a.xls", b"\xd0\xcf\x11\xe0" + bytes(600)).reason.startswith("broken xls file")


def test_merged_cells_reach_over_rows_and_columns(read_bytes):
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as workbook:
        sheet = workbook.add_worksheet("Levels")
        sheet.merge_range("B2:E2", "Levels of the rivers")  # the table begins in the second row and column
        sheet.merge_range("B3:B4", "Station")
        sheet.merge_range("C3:D3", "Level")
        sheet.merge_range("E3:E4", "Note")
        sheet.write_row("C4", ["min", "max"])
        sheet.write_row("B5", ["Harrow", 1.5, 3.5, "closed in May"])
        sheet.merge_range("B6:B7", "Tansy")
        sheet.write_row("C6", [0.75, 2.9, "east"])
        sheet.write_row("C7", [0.5, 2.5, "west"])
    assert read_bytes("a.xlsx", buffer.getvalue()).text.split("\n\n") == [
        "Levels",
        "Levels of the rivers",
        "Station: Harrow; Level min: 1.5; Level max: 3.5; Note: closed in May",
        "Station: Tansy; Level min: 0.75; Level max: 2.9; Note: east",
        "Station: Tansy; Level min: 0.5; Level max: 2.5; Note: west",
    ]
