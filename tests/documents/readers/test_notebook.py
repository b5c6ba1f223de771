from __future__ import annotations

import json

import pytest


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
