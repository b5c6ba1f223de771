from __future__ import annotations

import json

import pytest

LONG = "Fill the tank with fresh water. " * 10


def test_names_become_headings_and_records_rows(read_bytes, parts):
    value = {
        "name": "Brava",
        "tags": ["a", "b"],
        "none": None,
        "parts": [{"part": "seal", "price": {"amount": 3, "new": True}}, {"part": "pump", "note": LONG}],
        "care": {"steps": {"first": "Fill it."}},
    }
    assert parts(read_bytes("a.json", json.dumps(value))) == [
        ("", "name: Brava; tags: a, b"),
        ("parts", f"part: seal; price.amount: 3; price.new: true\n\npart: pump\n\nnote: {LONG.strip()}"),
        ("care › steps", "first: Fill it."),
    ]


@pytest.mark.parametrize(("text", "plain"), [('"Fill it."', "Fill it."), ("3", "3"), ('["a", ["b"]]', "a\n\nb")])
def test_value_of_any_kind_is_text(text, plain, read_bytes):
    assert read_bytes("a.json", text).text == plain


def test_each_line_is_a_record(read_bytes):
    assert read_bytes("a.jsonl", '{"a": 1}\n\n{"a": "two\u2028"}\n').text == "a: 1\n\na: two"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", '{"a": 1,\n}', "not JSON: "),
        ("a.jsonl", '{"a": 1}\n{"a"\n', "not JSON: Expecting ':' delimiter in line 2"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "[" * 900 + "1" + "]" * 900, None),
        ("a.json", '{"a": {}}', "empty"),
        ("a.json", "9" * 5000, "not usable JSON: "),
    ],
)
def test_what_is_no_json_is_refused(name, text, reason, read_bytes):
    found = read_bytes(name, text)
    assert found.text == "1" if reason is None else found.reason.startswith(reason)


def test_half_of_a_surrogate_pair_goes(read_bytes):
    assert read_bytes("a.json", '{"a": "x\\ud800y"}').text == "a: xy"


def test_cells_come_in_order_without_what_they_printed(read_bytes, parts):
    cells = [
        {"cell_type": "markdown", "source": ["# Care\n", "\n", "Fill *it*."]},
        {"cell_type": "code", "source": "# no heading\nx = 1", "outputs": [{"text": "1"}]},
        {"cell_type": "raw", "source": "raw"},
    ]
    assert parts(read_bytes("a.ipynb", json.dumps({"cells": cells}))) == [
        ("Care", "Fill it.\n\n# no heading\nx = 1\n\nraw")
    ]


def test_notebook_of_format_3_is_read(read_bytes, parts):
    cells = [{"cell_type": "heading", "level": 2, "source": "Care"}, {"cell_type": "code", "input": ["x = 1"]}]
    assert parts(read_bytes("a.ipynb", json.dumps({"worksheets": [{"cells": cells}]}))) == [("Care", "x = 1")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not a notebook: Expecting"),
        ("[]", "not a notebook: expected an object with cells"),
        ('{"cells": [1]}', "not a notebook: expected an object with cells"),
    ],
)
def test_what_is_no_notebook_is_refused(text, reason, read_bytes):
    assert read_bytes("a.ipynb", text).reason.startswith(reason)
