"""What a stage read and wrote: the record that decides whether it is done.

A stage writes into a temporary folder beside its own, syncs it, writes ``manifest.json`` last and renames. The manifest has
two halves: *identity* (what determines the result: settings, seed, hashes of inputs and model, versions) decides whether a
stage is skipped; *circumstances* (when, where, how long) never does.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from embedtune.errors import DataError, IntegrityError, ResourceError
from embedtune.hashing import hash_folder, hash_json

MANIFEST = "manifest.json"
_LIBRARIES = ("embedtune", "torch", "transformers", "sentence-transformers", "peft", "bitsandbytes", "faiss-cpu", "bm25s",
              "llama-index-core", "numpy")  # fmt: skip


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries whose change can change a result."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a stage's manifest.

    Raises:
        DataError: If the stage has not run or its manifest is not readable.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{path}: expected the manifest of a finished stage, found nothing",
            hint=f"run the stage that makes {folder.name!r} first: generate → train → eval",
        ) from None
    except ValueError as error:
        raise DataError.at(
            path, None, "a JSON manifest", str(error), hint="run the stage again with --force"
        ) from error
    if not isinstance(manifest, dict):
        raise DataError.at(
            path, None, "a JSON object", type(manifest).__name__, hint="run the stage again with --force"
        )
    return manifest


def is_done(folder: Path, identity: dict[str, Any]) -> bool:
    """Tell whether a stage's folder holds, byte for byte, what this identity would make."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = read_manifest(folder)
    except DataError:
        return False
    return manifest.get("identity_hash") == hash_json(identity) and manifest.get("outputs") == _outputs(folder)


def verify(folder: Path) -> dict[str, Any]:
    """Return a stage's manifest after checking every file it names.

    Raises:
        DataError: If the stage has not run.
        IntegrityError: If a file was changed, added or removed since.
    """
    manifest = read_manifest(folder)
    recorded, found = manifest.get("outputs", {}), _outputs(folder)
    changed = sorted(name for name in recorded.keys() | found.keys() if recorded.get(name) != found.get(name))
    if changed:
        raise IntegrityError(
            f"{folder}: expected the files that its manifest records, found a difference in {', '.join(changed[:5])}",
            hint="run the stage that wrote this folder again with --force",
        )
    return manifest


def _outputs(folder: Path) -> dict[str, str]:
    hashes = hash_folder(folder)
    hashes.pop(MANIFEST, None)
    return hashes


@contextmanager
def stage_folder(folder: Path, identity: dict[str, Any], facts: dict[str, Any]) -> Iterator[Path]:
    """Give a temporary folder to write into; on success it becomes ``folder``, on failure it vanishes.

    Args:
        folder: Where the stage's files shall stand; an older one is replaced in the last moment.
        identity: What determines the result.
        facts: Filled by the caller while it works; stored in the manifest under ``facts``.

    Raises:
        ResourceError: If the disk or a permission refuses.
    """
    started = time.time()
    if folder.exists() and not folder.is_dir():
        raise ResourceError(
            f"{folder}: expected a folder or nothing, found a file", hint="move it or choose another --out"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _refused(folder, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp's 0700 would lock colleagues out of the result
        _write_manifest(temporary, identity, facts, started)
        _replace(folder, temporary)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise _refused(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refused(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"{folder}: expected to write there, found: {error}", hint="free disk space or choose another folder"
    )


def _write_manifest(folder: Path, identity: dict[str, Any], facts: dict[str, Any], started: float) -> None:
    manifest = {
        "schema_version": 1,
        "identity_hash": hash_json(identity),
        "identity": identity,
        "facts": facts,
        "outputs": _outputs(folder),
        "circumstances": {
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "duration_s": round(time.time() - started, 1),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
        },
    }
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)
    write_json(folder / MANIFEST, manifest)
    _sync(folder / MANIFEST)


def _replace(folder: Path, temporary: Path) -> None:
    """Put a finished folder in place; the old one, if any, is moved aside first and deleted last."""
    old = None
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        folder.rename(old / folder.name)
    temporary.rename(folder)
    _sync(folder.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write a JSON value for people and programs: indented, keys in the given order, one final newline."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
