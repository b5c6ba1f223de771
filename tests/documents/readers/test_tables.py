from __future__ import annotations

import io
from datetime import date, datetime

import pytest
import xlsxwriter

from embedtune.documents.readers.tables import describe, describe_table

PEOPLE = [["name", "born"], ["Ada", "1815"], ["Alan", ""]]


def test_each_row_repeats_the_names_of_its_columns():
    assert describe_table(PEOPLE, header=True) == ["name: Ada; born: 1815", "name: Alan"]
    assert describe_table(PEOPLE) == describe_table(PEOPLE, header=True)


@pytest.mark.parametrize(
    "rows",
    [[["Q1", "12"], ["Q2", "14"]], [["a", "a"], ["b", "c"]], [["a", ""], ["b", "c"]], [["a", "x" * 99], ["b", "c"]]],
)
def test_first_row_that_names_nothing_is_a_row(rows):
    assert len(describe_table(rows)) == 2


def test_rows_without_names_are_joined_by_bars_and_two_cells_by_a_colon():
    assert describe_table([["a", "b", "c"], ["1", "2", "3", "4"]], header=False) == ["a | b | c", "1 | 2 | 3 | 4"]
    assert describe_table([["Total", "12"]], header=False) == ["Total: 12"]
    assert describe_table([["Total:", "12"]], header=False) == ["Total: | 12"]


def test_header_alone_is_not_lost():
    assert describe_table([["name", "born"]], header=True) == ["name | born"]


def test_blank_rows_and_line_ends_in_cells_go():
    assert describe_table([["a", "b"], ["", " "], ["x\n y", "z"]], header=True) == ["a: x y; b: z"]
    assert describe_table([]) == []


def test_cell_beyond_the_names_stands_alone():
    assert describe(["a"], ["1", "2"]) == "a: 1; 2"


def make_workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"default_date_format": "yyyy-mm-dd"}) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write(number, column, cell)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'name,note\nAda,"first, and\nlast"\nAlan,\n'),
        ("a.csv", 'name;note\nAda;"first, and last"\nAlan;\n'),
        ("a.tsv", "name\tnote\nAda\tfirst, and last\nAlan\t\n"),
        ("a.csv", "\ufeffname|note\r\nAda|first, and last\r\nAlan|\r\n"),
    ],
)
def test_each_row_can_be_understood_alone(name, text, read_bytes):
    assert read_bytes(name, text).text == "name: Ada; note: first, and last\n\nname: Alan"


def test_table_of_one_row_is_not_lost(read_bytes):
    assert read_bytes("a.csv", "name,note\n").text == "name | note"


def test_quote_that_is_never_closed_is_read_to_the_end(read_bytes):
    assert read_bytes("a.csv", 'a,b\n"x,y\nz').text == "a: x,y z"


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
