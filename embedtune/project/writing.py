"""Files and folders outside the stages of a run: whole or not there, whatever ends the process in between."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from embedtune.errors import ConfigError, ResourceError
from embedtune.project.manifest import sync
from embedtune.regular import remove_folder

_PREFIX = f".embedtune-part-{re.sub(r'[^A-Za-z0-9]', '', socket.gethostname())}-"
_PART = re.compile(re.escape(_PREFIX) + r"(\d+)-")


@contextmanager
def writing(place: Path, hint: str = "free disk space or choose another place") -> Iterator[None]:
    """Turn what the disk refuses into a ``ResourceError`` that names the place."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(
            f"{place}: expected to write there, found: {error.strerror or error}",
            hint=hint,
        ) from error


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``; on success it is synced and renamed to it, on failure it is removed.

    What a killed process left there before is removed first.

    Raises:
        ConfigError: If the folder is there already.
        ResourceError: If it cannot be written.
    """
    check_new(folder)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear_parts(folder.parent)
        part = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder.parent))
        try:
            yield part
            part.chmod(0o755)  # mkdtemp's 0700 would lock colleagues out
            for path in (*part.rglob("*"), part):
                sync(path)
            part.rename(folder)
            sync(folder.parent)
        finally:
            remove_folder(part)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place, sync it, and rename it there."""
    _clear_parts(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _clear_parts(folder: Path) -> None:
    """Remove what processes left of this machine that are no more."""
    for part in folder.glob(f"{_PREFIX}*"):
        match = _PART.match(part.name)
        if match is None or _lives(int(match[1])):
            continue
        if part.is_dir() and not part.is_symlink():
            remove_folder(part)
        else:
            with suppress(OSError):
                part.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def check_new(folder: Path) -> None:
    """Raise ``ConfigError`` where something is there already."""
    if os.path.lexists(folder):
        raise ConfigError(f"{folder}: expected a folder to be made, found one", hint="name another, or move it away")


def check_outside(place: Path, run: Path, option: str) -> None:
    """Raise ``ConfigError`` where a place to write to is a run folder or lies in one: a run holds what its stages wrote."""
    if place.resolve().is_relative_to(run.resolve()):
        raise ConfigError(
            f"{option}: expected a place outside the run folder {run}, found {place}", hint="choose a folder beside it"
        )
