"""Content hashes: stable ids and the digests in manifests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 1 << 20
_ID_DIGITS = 16


def hash_text(*parts: str) -> str:
    """Return the sha256 of several strings, as 64 hex digits; where one ends and the next starts matters."""
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
    """Return the sha256 of JSON values that come one after the other."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def hash_files(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return relative name → sha256, sorted by name; names count as much as bytes."""
    return {path.relative_to(root).as_posix(): hash_file(path) for path in sorted(paths)}


def hash_folder(root: Path) -> dict[str, str]:
    """Return relative name → sha256 of every file below a folder."""
    return hash_files(root, (path for path in root.rglob("*") if path.is_file()))
