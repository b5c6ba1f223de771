"""The manifest of a stage, which decides whether the stage is done.

A stage writes into a temporary folder, syncs it, writes ``manifest.json`` last and renames the folder. Of the manifest, the
*identity* (what determines the result: settings, seed, hashes of inputs and model, versions) decides whether a stage is
skipped; the *circumstances* (when, where, how long) never do. It ends with a hash of itself, so that every changed byte of a
run is detected.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embedtune.errors import DataError, EmbedtuneError, IntegrityError, ResourceError
from embedtune.events import StageEnded, StageStarted, emit
from embedtune.project.layout import CHECKPOINTS, MODEL, STAGES
from embedtune.project.records import LlmCosts, Record
from embedtune.redaction import redact_all
from embedtune.regular import LARGEST, below, open_regular, read_json, read_regular, remove_folder
from embedtune.text.analyzer import WORDS_VERSION
from embedtune.text.hashing import NOT_HASHED, hash_folder, hash_json

MANIFEST = "manifest.json"
_TEMPORARY, _OLD = ".embedtune-new-", ".embedtune-old-"
_HEAD = 200  # characters of a manifest that show what it is
_AGAIN = "run the stage again with --force"
LIBRARIES = ("embedtune", "torch", "transformers", "sentence-transformers", "peft", "bitsandbytes", "faiss-cpu", "bm25s",
              "hanta", "icu4py", "numpy", "py3langid", "pystemmer")  # fmt: skip


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries whose change can change a result, and of what counts as a word."""
    found = {"words": str(WORDS_VERSION)}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


R = TypeVar("R", bound=Record)


class Identity(BaseModel):
    """What determines the result of a stage: settings, hashes of dataset and model, and what stages add."""

    model_config = ConfigDict(frozen=True, extra="allow")

    stage: str = ""
    config: dict[str, object] = {}
    dataset: dict[str, str] = {}
    model: str | dict[str, str] = ""


class QuerySource(Record):
    """A query set of an evaluation: its name, and the path or packaged name it was read from; None is the test split."""

    name: str
    path: str | None


class Circumstances(Record):
    """When (UTC), where, with which command and on which paths a stage worked, and its cost: none determines the result."""

    command: tuple[str, ...] = ()
    started: str | None = None
    duration_s: float | None = None
    python: str | None = None
    system: str | None = None
    cpus: int | None = None
    llm: LlmCosts | None = None
    source: str | None = None
    labels: list[str] | None = None
    query_sets: list[QuerySource] | None = None


class Manifest(BaseModel, Generic[R]):
    """The record of a finished stage; ``outputs``: file → sha256."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_version: int = 1
    identity: Identity = Identity()
    identity_hash: str = ""
    record: R = Field(alias="facts")
    outputs: dict[str, str] = {}
    circumstances: Circumstances = Circumstances()
    manifest_hash: str = ""

    @property
    def outputs_hash(self) -> str:
        """Hash of all outputs; passage vectors of a model stage are kept under it."""
        return hash_json(self.outputs)


def read_manifest(folder: Path, record: type[R]) -> Manifest[R]:
    """Read a stage's manifest; ``Record`` as type of its record ignores what that holds.

    Raises ``DataError`` if the stage has not run or its manifest is not readable.
    """
    try:
        return Manifest[record].model_validate(_read_json(folder))  # type: ignore[valid-type]
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise DataError.at(
            folder / MANIFEST, None, f"a manifest of {folder.name!r}", f"{place}: {wrong['msg']}", hint=_AGAIN
        ) from error


def _read_json(folder: Path) -> dict[str, object]:
    path = folder / MANIFEST
    try:
        manifest = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{path}: expected the manifest of a finished stage, found nothing",
            hint=f"run the stage that makes {folder.name!r} first: generate → train → eval",
        ) from None
    except (OSError, ValueError, RecursionError) as error:  # no file, or one without an end; nested too deeply
        raise DataError.at(path, None, "a JSON manifest", str(error), hint=_AGAIN) from error
    if not isinstance(manifest, dict):
        raise DataError.at(path, None, "a JSON object", type(manifest).__name__, hint=_AGAIN)
    return manifest


def is_done(folder: Path, identity: Mapping[str, object]) -> bool:
    """Return whether a stage's folder holds, byte for byte, the result of this identity and no rerun was requested."""
    if not (folder / MANIFEST).is_file() or _rerun_marker(folder).exists():
        return False
    try:
        manifest = _read_json(folder)
    except DataError:
        return False
    return manifest.get("identity_hash") == hash_json(identity) and not find_changes(folder)


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run folder: a stage of it has a manifest of ours."""
    for stage in STAGES:
        with suppress(OSError, ValueError), open_regular(folder / stage / MANIFEST) as file:
            if b'"identity_hash"' in file.read(_HEAD):
                return True
    return False


def request_rerun(folder: Path) -> None:
    """Mark a finished stage to be run again.

    The mark stays until the stage has run, even if a run is killed; until then the old result stays whole.
    """
    if (folder / MANIFEST).is_file():
        try:
            _rerun_marker(folder).touch()
        except OSError as error:
            raise _refused(folder, error) from error


def _rerun_marker(folder: Path) -> Path:
    return folder.with_name(f".rerun-{folder.name}")


def verify(folder: Path, record: type[R]) -> Manifest[R]:
    """Return a stage's manifest after checking every file it names, and itself.

    Raises:
        DataError: If the stage has not run.
        IntegrityError: If a file was changed, added or removed since.
    """
    if changed := find_changes(folder):
        raise IntegrityError(
            f"{folder}: expected the files that its manifest records, found a difference in {', '.join(changed[:5])}",
            hint="run the stage that wrote this folder again with --force",
        )
    return read_manifest(folder, record)


def find_changes(folder: Path) -> list[str]:
    """Return the names of a stage's files that were changed, added or removed since it was done, in order."""
    manifest = _read_json(folder)
    recorded, found = manifest.get("outputs"), _outputs(folder)
    if not isinstance(recorded, dict):
        return [MANIFEST]
    changed = [
        name
        for name in recorded.keys() | found.keys()
        if recorded.get(name) != found.get(name)
        or found[name] in NOT_HASHED  # whoever wrote the manifest may say so too
    ]
    # Byte for byte as it would be written now: JSON forgives a changed blank, and a hash of the values would too.
    written = read_regular(folder / MANIFEST, LARGEST).decode("utf-8", "replace").replace(os.linesep, "\n")
    if written != json_text(_sealed(manifest)):
        changed.append(MANIFEST)
    return sorted(changed)


def _sealed(manifest: Mapping[str, object]) -> dict[str, object]:
    """Return a manifest that ends with the hash of the rest of it."""
    body = {key: value for key, value in manifest.items() if key != "manifest_hash"}
    return {**body, "manifest_hash": hash_json(body)}


def _outputs(folder: Path) -> dict[str, str]:
    hashes = hash_folder(folder)
    hashes.pop(MANIFEST, None)
    return hashes


@dataclass
class StageFolder:
    """A stage that is being written into a temporary folder, its record, and circumstances that only the stage knows."""

    path: Path
    record: Record = field(default_factory=Record)
    circumstances: Circumstances = field(default_factory=Circumstances)


@contextmanager
def stage_folder(folder: Path, identity: Mapping[str, object]) -> Iterator[StageFolder]:
    """Yield a temporary folder; on success it replaces ``folder``, with its manifest, on failure it is removed.

    Raises ``ResourceError`` if the disk or a permission refuses.
    """
    started = time.time()
    if folder.exists() and not folder.is_dir():
        raise ResourceError(
            f"{folder}: expected a folder or nothing, found a file", hint="move it or choose another --out"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _refused(folder, error) from error
    stage = StageFolder(temporary)
    emit(StageStarted(stage=folder.name))
    try:
        yield stage
        temporary.chmod(0o755)  # mkdtemp's 0700 would lock colleagues out of the result
        _write_manifest(stage, identity, started)
        _replace(folder, temporary)
        _rerun_marker(folder).unlink(missing_ok=True)
        emit(StageEnded(stage=folder.name, status="done", record=stage.record.as_json()))
    except Exception as error:
        # Libraries written in Rust or C++ report a full disk by exceptions of their own.
        refused = isinstance(error, OSError) or "No space left on device" in str(error)
        if not refused or isinstance(error, EmbedtuneError):
            raise
        raise _refused(folder, error) from error
    finally:
        remove_folder(temporary)


def _refused(folder: Path, error: Exception) -> ResourceError:
    return ResourceError(
        f"{folder}: expected to write there, found: {error}", hint="free disk space or choose another folder"
    )


def _write_manifest(stage: StageFolder, identity: Mapping[str, object], started: float) -> None:
    folder = stage.path
    _remove_empty_folders(folder)
    manifest = {
        "schema_version": 1,
        "identity_hash": hash_json(identity),
        "identity": identity,
        "facts": stage.record.as_json(),
        "outputs": _outputs(folder),
        "circumstances": {
            "command": redact_all([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "duration_s": round(time.time() - started, 1),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            **stage.circumstances.as_json(),
        },
    }
    for path in folder.rglob("*"):
        sync(path)
    write_json(folder / MANIFEST, _sealed(manifest))
    sync(folder / MANIFEST)
    sync(folder)


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):  # the inner ones first
        if not any(path.iterdir()):
            path.rmdir()


def _replace(folder: Path, temporary: Path) -> None:
    """Put a finished folder in place; the old one, if any, is moved aside first and deleted last."""
    old = None
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=_OLD, dir=folder.parent))
        folder.rename(old / folder.name)
    temporary.rename(folder)
    sync(folder.parent)
    if old is not None:
        remove_folder(old)


def clear_leftovers(run: Path) -> None:
    """Take away what a killed process left in a run folder; the caller must be the only one who works there.

    A result that was moved aside and whose successor never came into place is put back. What has such a name and is no folder,
    or is a link to one, is not ours: it stays, and so does what is behind it.
    """
    for old in _folders(run, _OLD):
        for folder in old.iterdir():
            if folder.name in STAGES and _is_folder(folder) and not os.path.lexists(run / folder.name):
                folder.rename(run / folder.name)
        remove_folder(old)
    for temporary in _folders(run, _TEMPORARY):
        remove_folder(temporary)
    checkpoints, model = run / CHECKPOINTS, run / MODEL / MANIFEST
    if _is_folder(checkpoints) and model.is_file() and _newest(checkpoints) <= model.stat().st_mtime:
        remove_folder(checkpoints)  # of the training that made this model


def _newest(folder: Path) -> float:
    return max((path.lstat().st_mtime for path in below(folder)), default=0.0)


def _folders(run: Path, prefix: str) -> list[Path]:
    return [path for path in run.glob(f"{prefix}*") if _is_folder(path)]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's list of names, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write a JSON value for people and programs: indented, keys in the given order, one final newline."""
    path.write_text(json_text(value), encoding="utf-8")


def json_text(value: object) -> str:
    """Return a JSON value as ``write_json`` writes it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
