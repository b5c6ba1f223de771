"""What holds for all readers alike."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedtune.documents.readers import READERS, no_reader, read
from embedtune.documents.readers.files import ReadingLimits
from embedtune.types import Document, Skipped

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"
STARTS = [
    b"",
    b"%PDF-1.4\n",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"{\\rtf1 ",
    b"<?xml version='1.0'?>",
    b"<p>",
]
SEEDS = [
    '{"a":',
    "[[",
    "# a\n",
    "* a\n",
    "<b>",
    "|a|b|\n|-|-|\n",
    "a,b\n",
    ".. note::\n",
    "From: a\n",
    "\\bin9 ",
    "&amp;",
    "```\n",
]


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_empty_file_is_empty_in_every_format(suffix, read_bytes):
    assert read_bytes(f"a{suffix}", b"") == Skipped(f"a{suffix}", "empty")


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_large_file_is_not_opened(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    with path.open("wb") as file:
        file.truncate(3_000_000)
    assert read(path, "a", ReadingLimits(max_file_mb=2)) == Skipped("a", "too large: 3 MB, the limit is 2")


@settings(max_examples=60)
@given(
    suffix=st.sampled_from(sorted(READERS)),
    start=st.sampled_from(STARTS),
    rest=st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(SEEDS), max_size=20).map("".join).map(str.encode)),
)
def test_any_bytes_give_a_document_or_a_reason(suffix, start, rest, scratch):
    path = scratch / f"fuzz{suffix}"
    path.write_bytes(start + rest)
    found = read(path, "fuzz", ReadingLimits())
    if isinstance(found, Document):
        assert found.text.strip()
        assert all(0 <= section.start < section.end <= len(found.text) for section in found.sections)
        found.text.encode()
    else:
        assert found.reason and "\n" not in found.reason
    assert read(path, "fuzz", ReadingLimits()) == found


@pytest.mark.parametrize(
    "suffix", [".pdf", ".docx", ".pptx", ".xlsx", ".xls", ".ods", ".epub", ".odt", ".msg", ".rtf", ".html", ".xml"]
)
def test_git_lfs_pointer_is_named_as_what_it_is(suffix, read_bytes):
    found = read_bytes(f"a{suffix}", LFS)
    assert isinstance(found, Skipped)
    assert found.reason.endswith("it looks like a git-LFS pointer; run git lfs pull")


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx", ".ods", ".epub", ".odt"])
def test_zip_that_would_unpack_to_too_much_is_not_unpacked(suffix, read_bytes, zipped):
    data = zipped({"word/document.xml": "x" * 3_000_000})
    assert len(data) < 10_000
    found = read_bytes(f"a{suffix}", data, max_unpacked_mb=2)
    assert found == Skipped(f"a{suffix}", "it unpacks to 3 MB, the limit is 2 (a zip bomb?)")


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx", ".ods", ".epub", ".odt"])
def test_zip_of_something_else_is_refused(suffix, read_bytes, zipped):
    found = read_bytes(f"a{suffix}", zipped({"readme.txt": "hello"}))
    assert isinstance(found, Skipped)
    assert found.reason.startswith(("not a", "broken"))


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx"])
def test_encrypted_office_file_is_named_as_such(suffix, read_bytes):
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    assert read_bytes(f"a{suffix}", data) == Skipped(f"a{suffix}", "encrypted")


@pytest.mark.parametrize(
    ("name", "reason"), [("a.mp4", "no reader for .mp4"), ("LICENSE", "no reader for files without a suffix")]
)
def test_other_formats_have_no_reader(name, reason, read_bytes, tmp_path):
    assert read_bytes(name, b"x") == Skipped(name, reason)
    assert no_reader(tmp_path / "a.PDF") is None


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".csv", ".json"])
def test_text_beyond_the_limit_is_given_up(suffix, read_bytes):
    found = read_bytes(f"a{suffix}", '"' + "word " * 300_000 + '"', max_text_mb=1)
    assert found == Skipped(f"a{suffix}", "more than 1,000,000 characters of text")


def test_broken_file_is_described_in_one_line(read_bytes, zipped):
    found = read_bytes("a.docx", zipped({"word/document.xml": "<", "[Content_Types].xml": "<"}))
    assert isinstance(found, Skipped)
    assert found.reason.startswith("broken docx file: ")


@pytest.mark.parametrize(
    ("suffix", "package", "extra"),
    [
        (".rst", "docutils.core", "rst"),
        (".pptx", "pptx", "office"),
        (".xlsx", "python_calamine", "office"),
        (".rtf", "striprtf.striprtf", "office"),
        (".msg", "oxmsg", "office"),
    ],
)
def test_format_whose_library_is_missing_names_the_extra(suffix, package, extra, read_bytes, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    skipped = read_bytes(f"a{suffix}", b"text")
    assert skipped == Skipped(f"a{suffix}", f'needs the extra {extra}: pip install "embedtune[{extra}]"')
