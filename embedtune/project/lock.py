"""A run folder belongs to one process at a time."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from embedtune.errors import InUseError, ResourceError
from embedtune.project.manifest import clear_leftovers, json_text
from embedtune.redaction import redact_all

_LOCK, _OWNER = ".lock", ".lock-owner.json"


@contextmanager
def hold(run: Path, *, idle: bool = False) -> Iterator[None]:
    """Keep other processes out of a run folder, and take away first what a killed one left there.

    The lock is the operating system's: it ends with its owner, however that one dies. Held twice by one process (a
    pipeline and its stages), it is released by the outermost.

    Args:
        run: Made if it is not there.
        idle: Do nothing at all: for a dry run, which only reads.

    Raises:
        InUseError: If another process holds it; names that process.
        ResourceError: If the folder cannot be written.
    """
    if idle:
        yield
        return
    made = not run.exists()
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.resolve() / _LOCK, is_singleton=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise InUseError(
            f"{run}: expected a run folder that nobody works in, found {_owner(run)} there",
            hint="wait for it to end, or choose another run folder",
        ) from None
    except OSError as error:
        raise ResourceError(
            f"{run}: expected a folder that can be written, found: {error}", hint="choose another folder"
        ) from error
    try:
        if lock.lock_counter == 1:
            clear_leftovers(run)
            _sign(run)
        yield
    finally:
        if lock.lock_counter == 1:
            (run / _OWNER).unlink(missing_ok=True)
        lock.release()
        if made:
            _remove_if_bare(run)


def _remove_if_bare(run: Path) -> None:
    """Take away a folder that was made for work that then could not begin."""
    with suppress(OSError):
        if [path.name for path in run.iterdir()] == [_LOCK]:
            (run / _LOCK).unlink()
            run.rmdir()


def _sign(run: Path) -> None:
    owner = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": shlex.join(redact_all([Path(sys.argv[0]).name.replace("__main__.py", "embedtune"), *sys.argv[1:]])),
        "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    (run / _OWNER).write_text(json_text(owner), encoding="utf-8")


def _owner(run: Path) -> str:
    try:
        owner = json.loads((run / _OWNER).read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']} ({owner['command']}, since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
