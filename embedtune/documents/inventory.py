"""The files that a dataset was made from, and what has changed in them since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from embedtune.documents.readers import no_reader
from embedtune.documents.reading import unreadable, walk
from embedtune.errors import DataError
from embedtune.formats.label_files import LABEL_SUFFIXES
from embedtune.regular import open_regular
from embedtune.text.hashing import hash_file

FILES = "files.jsonl"

Inventory = Mapping[str, str]
"""Name of a file, below its source → sha256."""


class Changes(NamedTuple):
    """Names of files, each in order; ``renamed`` holds the old and the new name."""

    new: list[str]
    changed: list[str]
    gone: list[str]
    renamed: list[tuple[str, str]]

    def __bool__(self) -> bool:
        return any(self._asdict().values())

    def __str__(self) -> str:
        counts = [f"{len(names)} {kind}" for kind, names in self._asdict().items() if names]
        return ", ".join(counts) or "unchanged"


def take_inventory(source: str, labels: Sequence[str] = ()) -> dict[str, str]:
    """Digest the files of a source and of its labels; a packaged corpus has none.

    A file that no reader takes is known by its size alone.

    Raises:
        DataError: If a file cannot be read.
    """
    files = _files(Path(source), "")
    for number, name in enumerate(labels, start=1):
        files |= _files(Path(name), f"labels {number}: ")
    try:
        return {name: _digest(path) for name, path in files.items()}
    except OSError as error:
        raise DataError(f"{source}: expected files that can be read, found: {error}") from error


def _files(root: Path, prefix: str) -> dict[str, Path]:
    if not root.is_dir():
        return {f"{prefix}{root.name}": root} if root.is_file() else {}
    found = (path for path in walk(root) if unreadable(path) in (None, no_reader(path)))
    return {f"{prefix}{path.relative_to(root).as_posix()}": path for path in found if path.is_file()}


def _digest(path: Path) -> str:
    size = path.stat().st_size
    return f"{size} bytes" if no_reader(path) and path.suffix.lower() not in LABEL_SUFFIXES else hash_file(path)


def changes_between(before: Inventory, now: Inventory) -> Changes:
    """Return what has changed; a gone file and a new one with the same bytes are one that was renamed."""
    gone = {name: digest for name, digest in before.items() if name not in now}
    new = {name: digest for name, digest in now.items() if name not in before}
    renamed = []
    for name, digest in sorted(gone.items()):
        if match := next((other for other, its in sorted(new.items()) if its == digest), None):
            renamed.append((name, match))
            del new[match]
    moved = {name for name, _ in renamed}
    changed = [name for name, digest in before.items() if now.get(name, digest) != digest]
    return Changes(sorted(new), sorted(changed), sorted(gone.keys() - moved), renamed)


def write_inventory(folder: Path, files: Inventory) -> None:
    """Write ``files.jsonl``."""
    rows = (json.dumps({"name": name, "sha256": digest}, ensure_ascii=True) for name, digest in files.items())
    (folder / FILES).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def read_inventory(folder: Path) -> dict[str, str] | None:
    """Return what ``files.jsonl`` holds; None for a dataset of a version that did not write one."""
    if not (folder / FILES).is_file():
        return None
    return {row["name"]: row["sha256"] for row in _rows(folder / FILES)}


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with open_regular(path) as file:
        yield from map(json.loads, file)
