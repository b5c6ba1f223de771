"""Readers of other packages, found by their entry points."""

from __future__ import annotations

import pytest

from embedtune.documents.readers import GROUP, READERS, _added_readers, readers
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.reading import read_source
from embedtune.errors import ConfigError

CODE = """
import os
from embedtune.documents.readers.files import Unreadable
from embedtune.types import Document

def read_note(path, name, limits):
    return "# Tank\\n\\n" + path.read_text().upper()

def read_record(path, name, limits):
    text = path.read_text()
    if text == "locked":
        raise Unreadable("locked by its owner")
    return Document("another name", "Title", text)

def read_wrong(path, name, limits):
    return 42

def hang(path, name, limits):
    while True:
        pass

def process(path, name, limits):
    return f"process {os.getpid()}"
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a toy distribution with readers on the path."""

    def add(name, code=CODE, **entries):
        site = tmp_path / name
        (site / f"{name}-1.0.dist-info").mkdir(parents=True)
        (site / f"{name}.py").write_text(code)
        (site / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{GROUP}]", *(f"{suffix} = {value}" for suffix, value in entries.items())]
        (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text("\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(str(site))
        _added_readers.cache_clear()

    yield add
    monkeypatch.undo()
    _added_readers.cache_clear()


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes files into a folder and gives the folder."""

    def write(**files):
        (tmp_path / "docs").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "docs" / name.replace("_", ".")).write_text(text)
        return str(tmp_path / "docs")

    return write


def test_a_new_suffix_is_read_and_markdown_gets_its_sections(install, folder):
    install("toyreader", note="toyreader:read_note")
    source = read_source(folder(a_note="cold water"))
    [document] = source.documents
    assert document.document_id == "a.note"
    assert document.text == "Tank\n\nCOLD WATER"
    assert [section.headings for section in document.sections] == [("Tank",)]


def test_a_document_keeps_the_files_name(install, folder):
    install("toyreader", rec="toyreader:read_record")
    source = read_source(folder(a_rec="cold water", b_rec="locked"))
    [document] = source.documents
    assert document[:3] == ("a.rec", "Title", "cold water")
    assert source.skipped == [("b.rec", "locked by its owner")]


def test_a_reader_of_another_package_takes_the_place_of_ours(install, folder):
    install("toyreader", md="toyreader:read_note", TXT="toyreader:read_note")
    [text, markdown] = sorted(read_source(folder(a_md="water", b_txt="steam")).documents)
    assert (text.text, markdown.text) == ("Tank\n\nWATER", "Tank\n\nSTEAM")
    assert readers()[".txt"] != READERS[".txt"]


def test_it_reads_in_a_process_of_its_own_under_the_limits(install, folder):
    import os

    install("toyreader", slow="toyreader:hang", pid="toyreader:process")
    source = read_source(folder(a_slow="x", b_pid="x"), limits=ReadingLimits(timeout_s=1))
    [document] = source.documents
    assert document.text != f"process {os.getpid()}"
    assert source.skipped == [("a.slow", "it took longer than 1 s")]


def test_text_beyond_the_limit_and_other_types_are_skipped(install, folder):
    install("toyreader", rec="toyreader:read_record", bad="toyreader:read_wrong")
    source = read_source(
        folder(a_rec="water " * 200_000, b_bad="x", c_txt="enough"), limits=ReadingLimits(max_text_mb=1)
    )
    assert source.skipped == [
        ("a.rec", "more than 1,000,000 characters of text"),
        ("b.bad", "its reader returned a int, not a Document or Markdown"),
    ]


def test_two_readers_for_one_suffix_are_refused(install, folder):
    install("toyreader", note="toyreader:read_note")
    install("otherreader", note="otherreader:read_note")
    with pytest.raises(ConfigError, match=r"one reader for \.note, found .* of (toy|other)reader and .* of") as error:
        read_source(folder(a_note="x"))
    assert "uninstall" in error.value.hint


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("gonereader:read", "ModuleNotFoundError: No module named 'gonereader'"),
        ("toyreader:gone", "AttributeError"),
        ("toyreader", "AttributeError"),
    ],
)
def test_a_reader_that_cannot_be_loaded_is_named(install, folder, value, found):
    install("toyreader", note=value)
    with pytest.raises(ConfigError, match=f"expected {value} to be a reader, found {found}"):
        read_source(folder(a_note="x", b_txt="enough"))
