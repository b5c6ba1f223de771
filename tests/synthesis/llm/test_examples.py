"""The user's own queries."""

import json

import pytest

from embedtune.errors import DataError
from embedtune.synthesis.llm.examples import compare, read_examples


def test_lines_and_json_lines_are_read_once_each(tmp_path):
    path = tmp_path / "e.txt"
    rows = [
        "\ufeffhow do I descale",
        "",
        "  tank   leaks ",
        json.dumps({"_id": "q", "text": "lamp orange"}),
        "tank leaks",
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert read_examples(path) == ["how do I descale", "tank leaks", "lamp orange"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected 1 to 1000 queries, one a line, found 0"),
        (b"ok\n{broken\n", r":2: expected a query, or an object"),
        (b'{"title": "x"}\n', r":1: expected a query, or an object"),
        (b'{"text": ' + b"[" * 200_000, r":1: expected a query, or an object"),
        (b"x" * 600, r":1: expected a query of 1 to 500 characters"),
        (b"\xff\xfe", "UTF-8"),
        (b"".join(b"query %d\n" % number for number in range(1001)), "found 1001"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    path = tmp_path / "e.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_examples(path)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_examples(tmp_path / "e.txt")


def test_equal_sets_are_close():
    queries = ["how do I descale the machine?", "tank leaks", "The lamp of my machine blinks orange all day."]
    found = compare(queries, queries)
    assert found.forms.overlap == pytest.approx(1, abs=0.01)
    assert found.forms.examples == {"question": 0.333, "keywords": 0.333, "statement": 0.333}
    assert found.vocabulary == 1
    assert found.words.as_json() == {"examples": 6, "written": 6, "written_in_range": 1}


def test_other_sets_are_not():
    found = compare(["tank leaks", "lamp orange"], ["Why would anybody ever want to descale such an espresso machine?"])
    assert found.forms.overlap == 0
    assert found.vocabulary == 0
    assert found.words.written_in_range == 0


def test_nothing_written():
    assert compare(["tank leaks"], []).words.written is None
