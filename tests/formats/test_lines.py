from __future__ import annotations

import os

import pytest

from embedtune.errors import DataError, ResourceError
from embedtune.formats import lines
from embedtune.formats.lines import FaultyRows, numbered_lines, read_text, unreadable


def read(folder, content):
    path = folder / "x.txt"
    path.write_bytes(content)
    return list(numbered_lines(path))


def test_lines_are_counted_and_blank_ones_passed_over(tmp_path):
    assert read(tmp_path, b"\n a\n \t\n\nb") == [(2, " a"), (5, "b")]


def test_mark_and_windows_ends_go_and_other_separators_stay(tmp_path):
    content = "\ufeffa\r\nb\u2028c\x85d\r\n".encode()
    assert read(tmp_path, content) == [(1, "a"), (2, "b\u2028c\x85d")]


def test_a_mark_further_down_is_text(tmp_path):
    assert read(tmp_path, "a\n\ufeffb\n".encode()) == [(1, "a"), (2, "\ufeffb")]


def test_bad_bytes_are_named_by_line_and_place(tmp_path):
    """Far from the start too, where a decoder of blocks would count from its block."""
    content = "ä line of text\n".encode() * 2000 + b"caf\xe9\n"
    with pytest.raises(DataError, match=r"x\.txt:2001: expected UTF-8 text, found .* at byte 4 of the line") as caught:
        read(tmp_path, content)
    assert "UTF-8" in caught.value.hint
    with pytest.raises(DataError, match=r"x\.txt:2001: expected UTF-8 text, found .* at byte 4 of the line"):
        read_text(tmp_path / "x.txt")


def test_a_huge_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE", 1000)
    assert read(tmp_path, b"a" * 999 + b"\n") == [(1, "a" * 999)]
    with pytest.raises(DataError, match=r"x\.txt:2: expected lines of at most"):
        read(tmp_path, b"a\n" + b"b" * 1001)


@pytest.mark.parametrize("read_file", [lambda path: list(numbered_lines(path)), read_text])
def test_what_is_no_file_is_refused(tmp_path, read_file):
    for path, found in ((tmp_path, "a folder"), (tmp_path / "x", "nothing"), (tmp_path / ("x" * 300), "too long")):
        with pytest.raises(DataError, match=f"expected a file, found .*{found}"):
            read_file(path)
    with pytest.raises(DataError, match=r"expected a file, found .*null"):
        read_file(tmp_path / "a\0b")


def test_missing_permission_is_a_resource(tmp_path):
    error = unreadable(tmp_path / "x", PermissionError(13, "Permission denied"))
    assert isinstance(error, ResourceError)
    assert "expected a file that may be read, found: Permission denied" in str(error)
    assert "chmod" in error.hint


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
def test_file_without_permission_is_refused(tmp_path):
    (tmp_path / "x").touch(mode=0o000)
    with pytest.raises(ResourceError, match="Permission denied"):
        list(numbered_lines(tmp_path / "x"))


def test_one_faulty_row_is_told_in_one_line_and_several_in_a_list(tmp_path):
    faults = FaultyRows(tmp_path / "x.parquet", "row")
    faults.check()
    faults.add(7, "a text", "none", "write one")
    with pytest.raises(DataError, match=r"x\.parquet, row 7: expected a text, found none$") as caught:
        faults.check()
    assert caught.value.hint == "write one"
    faults.add(9, "a number", "'x'")
    with pytest.raises(
        DataError, match=r"x\.parquet: 2 faulty rows\n  row 7: .*none\n  row 9: expected a number, found 'x'$"
    ):
        faults.check()
