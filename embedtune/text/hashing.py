"""Hashes of content: stable ids, the digests in manifests, and fingerprints that find texts that occur more than once."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING

from embedtune.regular import is_too_deep, open_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ID_DIGITS = 16
_NO_FILE, _EMPTY, _TOO_DEEP = "no file", "an empty folder", "too many folders within one another"
NOT_HASHED = frozenset({_NO_FILE, _EMPTY, _TOO_DEEP})


def hash_text(*parts: str) -> str:
    """Return the sha256 of several strings, as 64 hex digits; the boundaries between them count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def content_id(prefix: str, *parts: str) -> str:
    """Return ``prefix-`` and 16 hex digits that depend on the parts alone."""
    return f"{prefix}-{hash_text(*parts)[:_ID_DIGITS]}"


def hash_json(value: object) -> str:
    """Return the sha256 of a JSON value; the order of keys does not matter."""
    return hash_text(json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")))


def hash_rows(rows: Iterable[object]) -> str:
    """Return the sha256 of a sequence of JSON values."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in blocks; a pipe or a device is refused as ``open_regular`` does."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return relative name → sha256, sorted by name; names count as much as bytes."""
    return {path.relative_to(root).as_posix(): hash_file(path) for path in sorted(paths)}


def hash_folder(root: Path) -> dict[str, str]:
    """Return relative name → sha256 of every file below a folder.

    What is no file (a link, a pipe, an empty folder, folders without an end) has one of ``NOT_HASHED`` in place of a hash:
    nothing is opened through a link, and whoever compares hashes finds it.
    """
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        if is_too_deep(Path(folder)):
            found[Path(folder).relative_to(root).as_posix()] = _TOO_DEEP
            folders.clear()
            continue
        for name in sorted(files) + [each for each in folders if Path(folder, each).is_symlink()]:
            path = Path(folder, name)
            is_file = stat.S_ISREG(path.lstat().st_mode)
            found[path.relative_to(root).as_posix()] = hash_file(path) if is_file else _NO_FILE
        if not files and not folders and folder != str(root):
            found[Path(folder).relative_to(root).as_posix()] = _EMPTY
    return dict(sorted(found.items()))


_IN_MEMORY = 1 << 20


def fingerprint(text: str) -> int:
    """Return 64 bits of a hash; two of a million texts share theirs once in 37 million such sets."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Fingerprints:
    """Fingerprints of texts, eight bytes each; beyond a million they are in an unnamed temporary file."""

    def __init__(self, scratch: Path | None = None) -> None:
        """Start empty; ``scratch`` is the folder of the temporary file, by default the system's."""
        self._scratch = scratch
        self._file: IO[bytes] | None = None
        self._recent = array("Q")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> None:
        """Add the fingerprint of a text."""
        self._recent.append(fingerprint(text))
        self._count += 1
        if len(self._recent) >= _IN_MEMORY:
            self._flush()

    def repeats(self) -> NDArray[np.uint64]:
        """Return the fingerprint of each occurrence but the first ones, sorted."""
        import numpy as np

        ordered = np.array(self._recent, dtype=np.uint64)
        if self._file is not None:
            self._flush()
            # Sorted in place, in pages that the system may take back.
            ordered = np.memmap(self._file, dtype=np.uint64, mode="r+", shape=(self._count,))
        ordered.sort()
        return np.array(ordered[1:][ordered[1:] == ordered[:-1]])

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - it lives as long as this
        self._file.seek(0, os.SEEK_END)
        self._file.write(self._recent.tobytes())
        self._file.flush()
        self._recent = array("Q")
