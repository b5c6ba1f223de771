from __future__ import annotations

import pytest

from embedtune.documents.headings import find_sections
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.readers.text import is_large_text, read_large_text
from embedtune.types import Document, Section, Skipped

TEXT = "Before.\n\n# Tank\n\nFill it.\n\n## Water\n\nCold water.\n\nTap water.\n\n```\n# no heading\n\nx\n```\n\n## Steam\n\nHot.\n\n"


class SmallLimits(ReadingLimits):
    max_chars = 40


LIMITS = SmallLimits(max_file_mb=1)


def read(path, data: bytes):
    path.write_bytes(data)
    return list(read_large_text(path, "a.txt", LIMITS))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_parts_are_the_text_and_start_behind_blank_lines(tmp_path, encoding):
    parts = read(tmp_path / "a.txt", TEXT.encode(encoding))
    assert "".join(part.text for part in parts) == TEXT
    assert len(parts) > 3
    assert all(part.text.endswith("\n\n") and len(part.text) <= 40 for part in parts)
    assert [part.offset for part in parts] == [TEXT.index(part.text) for part in parts]


def test_sections_go_on_across_parts_as_in_the_whole(tmp_path):
    parts = read(tmp_path / "a.txt", TEXT.encode())
    found: dict[tuple[str, ...], str] = {}
    for part in parts:
        for headings, start, end in part.sections:
            found[headings] = found.get(headings, "") + part.text[start:end]
    found = {headings: body.strip() for headings, body in found.items()}
    assert found == {headings: TEXT[start:end].strip() for headings, start, end in find_sections(TEXT)}
    assert list(found) == [(), ("Tank",), ("Tank", "Water"), ("Tank", "Steam")]


def test_line_ends_become_plain_even_where_a_block_ends_between_them(tmp_path):
    parts = read(tmp_path / "a.txt", b"abcd efgh\r\n" * 30 + b"x\ry")
    assert "".join(part.text for part in parts) == "abcd efgh\n" * 30 + "x\ny"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"word " * 30 + b"a\0b", "not text: it holds NUL bytes"),
        (b"word " * 30 + b"caf\xc3", "not UTF-8: unexpected end of data at byte 153; save it as UTF-8"),
        (b"\xff\xfe" + "word".encode("utf-16-le") * 30 + b"a", "not UTF-16, as its first bytes say: truncated data"),
        (b" \n" * 50, "empty"),
    ],
)
def test_what_is_no_text_is_skipped_as_a_whole(tmp_path, data, reason):
    assert read(tmp_path / "a.txt", data) == [Skipped("a.txt", reason)]


def test_text_in_another_encoding_is_read_at_once_and_so_only_within_the_limits(tmp_path):
    text = "Füll ihn über Nacht für später und schließ die Tür. " * 3
    assert read(tmp_path / "a.txt", text.encode("cp1252")) == [Skipped("a.txt", "more than 40 characters of text")]
    (document,) = read(tmp_path / "a.txt", text[:38].encode("cp1252"))
    assert document.text == text[:38]


def test_file_that_is_gone_is_skipped(tmp_path):
    assert not is_large_text(tmp_path / "a.txt", LIMITS)
    assert list(read_large_text(tmp_path / "a.txt", "a.txt", LIMITS)) == [Skipped("a.txt", "No such file or directory")]


def test_only_long_plain_text_comes_in_parts(tmp_path):
    for name, size, large in (("a.txt", 41, True), ("B.TXT", 41, True), ("c.txt", 40, False), ("d.md", 41, False)):
        (tmp_path / name).write_text("x" * size)
        assert is_large_text(tmp_path / name, LIMITS) is large


def test_text_is_kept_as_it_is_with_its_underlined_headings(read_bytes):
    text = "Tank\n====\n\nFill  it.\n\n\n\tNow.\n"
    assert read_bytes("a.txt", text) == Document("a.txt", "", text, tuple(find_sections(text)))
    assert read_bytes("a.txt", text).sections[0].headings == ("Tank",)


def test_suffix_counts_in_any_case(read_bytes):
    assert read_bytes("A.TXT", "Fill it.") == Document("A.TXT", "", "Fill it.", (Section((), 0, 8),))
