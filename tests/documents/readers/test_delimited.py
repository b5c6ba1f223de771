"""Tables as people export them: read as a spreadsheet program would, or refused with what was found."""

from __future__ import annotations

import pytest

from embedtune.documents.readers.delimited import Dialect, find_dialect

ROWS = ["name: Main depot; town: Harrow; hours: 8-17", "name: North depot; town: Tansy; hours: 9-12"]
TABLE = "name{0}town{0}hours\nMain depot{0}Harrow{0}8-17\nNorth depot{0}Tansy{0}9-12\n"
LONG = "The pump, the valve and the tank are drained in May, as every year."

ODD = {
    "comma": (TABLE.format(","), ROWS),
    "semicolon": (TABLE.format(";"), ROWS),
    "tab": (TABLE.format("\t"), ROWS),
    "bar": (TABLE.format("|"), ROWS),
    "caret": (TABLE.format("^"), ROWS),
    "tilde": (TABLE.format("~"), ROWS),
    "broken bar": (TABLE.format("¦"), ROWS),
    "unit separator": (TABLE.format("\x1f"), ROWS),
    "start of heading": (TABLE.format("\x01"), ROWS),
    "comma and blank": (TABLE.format(", "), ROWS),
    "semicolon and blank": (TABLE.format("; "), ROWS),
    "sep= in the first line": ("sep=;\n" + TABLE.format(";"), ROWS),
    "SEP= in quotes": ('"SEP=|"\n' + TABLE.format("|"), ROWS),
    "sep= a tab": ("sep=\t\n" + TABLE.format("\t"), ROWS),
    "sep= against the look": ("sep=;\na,b;c\n1,5;2\n", ["a,b: 1,5; c: 2"]),
    "title above": ("Price list\n\n" + TABLE.format(","), ["Price list", *ROWS]),
    "title filled up": ("Price list,,\n,,\n" + TABLE.format(","), ["Price list", *ROWS]),
    "title in quotes with a comma": ('"Price list, May"\n' + TABLE.format(","), ["Price list, May", *ROWS]),
    "facts of a report": (
        "Report generated: 2024-05-01,,\nDepartment: water,,\n,,\nstation,level,state\nHarrow,3.1,open\nTansy,2.7,closed\n",
        ["Report generated: 2024-05-01", "Department: water", "station: Harrow; level: 3.1; state: open", "station: Tansy; level: 2.7; state: closed"],
    ),
    "commas in a name": (
        "Place (town, street, gate);Phone\nHarrow, Mill Lane, 3;0441-77\nTansy, Quay Road, 1;0441-78\n",
        ["Place (town, street, gate): Harrow, Mill Lane, 3; Phone: 0441-77", "Place (town, street, gate): Tansy, Quay Road, 1; Phone: 0441-78"],
    ),
    "decimal commas": ("item;price\nflour;3,20\nbran;1,10\n", ["item: flour; price: 3,20", "item: bran; price: 1,10"]),
    "decimal commas and thousands": ("item\tprice\nmill\t1.203,20\nbarn\t2.001,10\n", ["item: mill; price: 1.203,20", "item: barn; price: 2.001,10"]),
    "one column of sentences": (f"note\n{LONG}\nThe gate is closed, except on Sundays.\n", [f"note: {LONG}", "note: The gate is closed, except on Sundays."]),
    "one column, one comma in each": ("note\nThe pump, at last.\nThe gate, at noon.\nThe lid, in May.\n", ["note: The pump, at last.", "note: The gate, at noon.", "note: The lid, in May."]),
    "one column of numbers": ("level\n3\n5\n", ["level: 3", "level: 5"]),
    "one row": ("name,note\n", ["name | note"]),
    "quoted delimiter": ('name,note\nAda,"first, last"\nAlan,none\n', ["name: Ada; note: first, last", "name: Alan; note: none"]),
    "quoted line end": ('name,note\nAda,"first\nlast"\n', ["name: Ada; note: first last"]),
    "doubled quotes": ('name,note\nAda,"the ""first"" one"\n', ['name: Ada; note: the "first" one']),
    "escaped quotes": ('name,note\nAda,"the \\"first\\", and last"\n', ['name: Ada; note: the "first", and last']),
    "single quotes": ("name,note\n'Ada','first, last'\n'Alan','none, ever'\n", ["name: Ada; note: first, last", "name: Alan; note: none, ever"]),
    "all in quotes": ('"name";"note"\n"Ada";"a;b"\n', ["name: Ada; note: a;b"]),
    "inches": ('size,price\n5" pipe,3.20\n6" pipe,4.10\n', ['size: 5" pipe; price: 3.20', 'size: 6" pipe; price: 4.10']),
    "a quote that is never closed": (
        "id,note\n" + '1,"open\n' + "".join(f"{n},line\n" for n in range(2, 30)),
        ['id: 1; note: "open', *(f"id: {n}; note: line" for n in range(2, 30))],
    ),
    "blank lines between": ("a,b\n\n1,2\n\n3,4\n", ["a: 1; b: 2", "a: 3; b: 4"]),
    "Mac line ends": ("a,b\r1,2\r3,4\r", ["a: 1; b: 2", "a: 3; b: 4"]),
    "a row too long": ("a,b\n1,2\n3,4,5\n6,7\n", ["a: 1; b: 2", "a: 3; b: 4; 5", "a: 6; b: 7"]),
    "a row too short": ("a,b,c\n1,2,3\n4\n5,6,7\n", ["a: 1; b: 2; c: 3", "a: 4", "a: 5; b: 6; c: 7"]),
    "empty columns at the end": ("a,b,,\n1,2,,\n3,4,,\n", ["a: 1; b: 2", "a: 3; b: 4"]),
    "a first column without a name": (",min,max\nHarrow,1,3\nTansy,2,4\n", ["Harrow; min: 1; max: 3", "Tansy; min: 2; max: 4"]),
    "two rows of names": (
        "Station,Level,,Note\n,min,max,\nHarrow,1.0,3.5,closed\nTansy,0.7,2.9,open\n",
        ["Station: Harrow; Level min: 1.0; Level max: 3.5; Note: closed", "Station: Tansy; Level min: 0.7; Level max: 2.9; Note: open"],
    ),
    "names on each page": ("a,b\n1,2\na,b\n3,4\n", ["a: 1; b: 2", "a: 3; b: 4"]),
    "a note below": ("a;b;c\n1;2;3\n4;5;6\nSource: office of the mill;;\n", ["a: 1; b: 2; c: 3", "a: 4; b: 5; c: 6", "Source: office of the mill"]),
    "times and addresses": ("site,url,from\nHarrow,http://h.example/a;b|c,8:30\nTansy,http://t.example/,9:00\n", ["site: Harrow; url: http://h.example/a;b|c; from: 8:30", "site: Tansy; url: http://t.example/; from: 9:00"]),
    "line separators within a cell": ("a,b\nfirst\u2028last,2\nx,3\n", ["a: first last; b: 2", "a: x; b: 3"]),
    "other scripts": ("品名;価格\n小麦粉;320\nぬか;110\n", ["品名: 小麦粉; 価格: 320", "品名: ぬか; 価格: 110"]),
}  # fmt: skip


def test_there_are_forty_of_them():
    assert len(ODD) >= 40


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_table_is_read_right(kind, read_bytes):
    text, lines = ODD[kind]
    assert read_bytes("a.csv", text).text.split("\n\n") == lines


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_a_table_in_any_encoding(encoding, read_bytes):
    text = "Straße;Größe;Länge\nMühlweg;3,20;süß\nÖlberg;1,10;äußerst\n"
    lines = ["Straße: Mühlweg; Größe: 3,20; Länge: süß", "Straße: Ölberg; Größe: 1,10; Länge: äußerst"]
    assert read_bytes("a.csv", text.encode(encoding)).text.split("\n\n") == lines


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a,b\n1,\x00\n", "not text: it holds NUL bytes"),
        (b"a;b\n\x81\x8d;\x8f\n", "not UTF-8: invalid start byte at byte 4; save it as UTF-8"),
        (b" \n,,\n", "empty"),
    ],
)
def test_what_is_no_table_is_refused_with_what_was_found(data, reason, read_bytes):
    assert read_bytes("a.csv", data).reason == reason


def test_a_tsv_file_is_parted_at_tabs(read_bytes):
    assert read_bytes("a.tsv", "name\tnote\nAda\tfirst, and last\n").text == "name: Ada; note: first, and last"
    assert read_bytes("a.tsv", "name;note\nAda;first\n").text == "name: Ada; note: first"


def test_what_was_taken_as_names_is_told(read_bytes):
    assert read_bytes("a.csv", ODD["title above"][0]).notes == ("names of the columns: name; town; hours",)


def test_the_dialect_is_found_over_all_lines():
    assert find_dialect("a;b,c\n" + "1,2\n" * 9) == Dialect(",")
    assert find_dialect("", ";") == Dialect(";")


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


def test_quote_that_is_never_closed_in_few_lines_is_read_to_the_end(read_bytes):
    assert read_bytes("a.csv", 'a,b\n"x,y\nz').text == "a: x,y z"
