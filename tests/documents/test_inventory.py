from __future__ import annotations

import os

import pytest

from embedtune.documents.inventory import (
    Changes,
    changes_between,
    read_inventory,
    take_inventory,
    write_inventory,
)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "docs"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.md", "b.txt", "inner/c.html"):
        (folder / name).write_text(f"text of {name}")
    (folder / ".hidden").write_text("x")
    (folder / "picture.png").write_bytes(b"\x89PNG 123")
    (folder / "link.md").symlink_to(folder / "a.md")
    return folder


def test_what_may_be_read_is_listed_and_files_without_a_reader_by_size(source):
    found = take_inventory(str(source))
    assert list(found) == ["a.md", "b.txt", "inner/c.html", "picture.png"]
    assert found["picture.png"] == "8 bytes"
    assert len(found["a.md"]) == 64
    (source / "a.md").touch()
    os.utime(source / "b.txt", (1, 1))
    assert take_inventory(str(source)) == found


def test_files_of_labels_and_single_files_are_listed_too(source, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("query,document\n")
    assert "labels 1: labels.csv" in take_inventory(str(source), [str(labels)])
    assert list(take_inventory(str(labels))) == ["labels.csv"]
    assert take_inventory("python-reference") == {}


def test_changes_are_told_apart():
    before = {"same": "1", "changed": "2", "gone": "3", "old name": "4", "twin": "5"}
    now = {"same": "1", "changed": "22", "new": "6", "new name": "4", "twin": "5", "copy of twin": "5"}
    found = changes_between(before, now)
    assert found == Changes(["copy of twin", "new"], ["changed"], ["gone"], [("old name", "new name")])
    assert str(found) == "2 new, 1 changed, 1 gone, 1 renamed"


def test_nothing_changed_is_false():
    found = changes_between({"a": "1"}, {"a": "1"})
    assert not found
    assert str(found) == "unchanged"


def test_it_is_read_as_it_was_written(tmp_path):
    files = {"a\nb.md": "1", "ü.md": "2"}
    assert read_inventory(tmp_path) is None
    write_inventory(tmp_path, files)
    assert read_inventory(tmp_path) == files
