from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from embedtune import machine
from embedtune.documents.readers import READERS, ReaderEntry
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.sandboxes import Sandboxes
from embedtune.errors import ConfigError
from embedtune.types import Document, Skipped

READER = """
import os, pathlib, time
from embedtune.types import Document

def read(path, name, limits):
    deed = path.read_text()
    if deed.startswith("wait for"):  # another file, which is read only if this one does not stand in its way
        other = path.with_name(deed.removeprefix("wait for "))
        while not other.exists():
            time.sleep(0.01)
    if deed == "sleep":
        time.sleep(60)
    if deed == "die":
        os._exit(3)
    path.with_suffix(".done").touch()
    return Document(name, "", deed)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Register a reader that does what the file says; return the folder."""
    (tmp_path / "waiting_reader.py").write_text(READER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(READERS, ".deed", ReaderEntry("waiting_reader:read"))
    return tmp_path


def read_all(sandboxes: Sandboxes, folder: Path, **deeds: str) -> list[Document | Skipped]:
    for name, deed in deeds.items():
        (folder / f"{name}.deed").write_text(deed)
    paths = [folder / f"{name}.deed" for name in deeds]
    return list(sandboxes.in_order(lambda path: sandboxes.read(path, path.stem), paths))


def test_a_slow_file_holds_up_no_other_and_the_order_stays(folder: Path) -> None:
    with Sandboxes(ReadingLimits(timeout_s=30), n=2) as sandboxes:
        found = read_all(sandboxes, folder, a="wait for c.done", b="calm", c="calm", d="die", e="calm")
    assert [each.document_id for each in found] == ["a", "b", "c", "d", "e"]
    assert [isinstance(each, Document) for each in found] == [True, True, True, False, True]


def test_few_files_are_begun_before_they_are_taken(folder: Path) -> None:
    begun, taken = [], []
    with Sandboxes(ReadingLimits(), n=2) as sandboxes:
        paths = [folder / str(number) for number in range(50)]
        for result in sandboxes.in_order(lambda path: begun.append(path) or (lambda: path), paths):
            taken.append(result)
            assert len(begun) - len(taken) <= 2 * 2
    assert taken == paths


def test_leaving_ends_what_is_still_read(folder: Path) -> None:
    started = time.monotonic()
    with Sandboxes(ReadingLimits(), n=2) as sandboxes:
        (folder / "a.deed").write_text("sleep")
        waiting = [sandboxes.read(folder / "a.deed", "a") for _ in range(4)]
        time.sleep(0.5)
    assert time.monotonic() - started < 20
    assert len(waiting) == 4
    assert not [each for each in threading.enumerate() if each.name.startswith("reading")]


def test_a_reader_that_cannot_be_loaded_is_said_in_its_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, ".none", ReaderEntry("no_such_module:read"))
    for name in ("a.deed", "b.none"):
        (folder / name).write_text("calm")
    with Sandboxes(ReadingLimits(), n=2) as sandboxes:
        first, second = sandboxes.read(folder / "a.deed", "a"), sandboxes.read(folder / "b.none", "b")
        assert isinstance(first(), Document)
        with pytest.raises(ConfigError, match="no_such_module"):
            second()


def test_as_many_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 3)
    for gigabytes, n in ((64, 3), (5, 2), (1, 1)):
        monkeypatch.setattr(machine, "memory", lambda left=gigabytes: machine.Memory(left << 30, left << 30, False))
        with Sandboxes(ReadingLimits(memory_mb=2048)) as sandboxes:
            assert sandboxes.n == n
    monkeypatch.setattr(machine, "cores", lambda: 64)
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(64 << 30, 64 << 30, False))
    with Sandboxes(ReadingLimits()) as sandboxes:
        assert sandboxes.n == 4
