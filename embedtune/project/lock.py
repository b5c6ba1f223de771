"""A run folder is used by one process at a time."""

from __future__ import annotations

import inspect
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from filelock import FileLock, Timeout

from embedtune.errors import EmbedtuneError, InUseError, ResourceError
from embedtune.events import EVENTS, record
from embedtune.processes import demand_first, is_first
from embedtune.project.manifest import clear_leftovers, write_json
from embedtune.redaction import redact_all
from embedtune.regular import read_json

P = ParamSpec("P")
R = TypeVar("R")
_LOCK, OWNER = ".lock", ".lock-owner.json"


def locked(folder: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Lock the run folder, a parameter of that name, while a function runs, unless its parameter ``dry_run`` is true."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def run_locked(*args: P.args, **kwargs: P.kwargs) -> R:
            arguments = signature.bind(*args, **kwargs).arguments
            with lock_run(Path(arguments[folder]), idle=arguments.get("dry_run", False)):
                return function(*args, **kwargs)

        return run_locked

    return decorate


@contextmanager
def lock_run(run: Path, *, idle: bool = False) -> Iterator[None]:
    """Keep other processes out of a run folder, after removing what a killed one left there; an idle (dry) run only reads.

    The operating system holds the lock, so it ends with its process, however that one dies. A process may lock a folder
    several times (a pipeline and its stages); the outermost lock counts. Of processes that work ``together`` the first has it.

    Raises:
        ConfigError: In another process of several that torchrun started, unless they work together.
        InUseError: If another process has the lock; names that process.
        ResourceError: If the folder cannot be written.
    """
    demand_first(str(run))
    if idle or not is_first():
        yield
        return
    created = not run.exists()
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
            program = Path(sys.argv[0]).name.replace("__main__.py", "embedtune")
            owner = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "command": shlex.join(redact_all([program, *sys.argv[1:]])),
                "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            write_json(run / OWNER, owner)
            with record(run / EVENTS):
                yield
        else:
            yield
    except (EmbedtuneError, OSError) as error:
        if run.is_dir():
            raise
        raise ResourceError(
            f"{run}: expected the run folder to stay while it is worked in, found that it is gone",
            hint="put it back; the same command goes on from there",
        ) from error
    finally:
        if lock.lock_counter == 1:
            with suppress(OSError):  # such as a folder that was moved away meanwhile
                (run / OWNER).unlink(missing_ok=True)
        lock.release()
        if created:  # for work that could not begin
            with suppress(OSError):
                if {path.name for path in run.iterdir()} <= {_LOCK, EVENTS}:
                    (run / EVENTS).unlink(missing_ok=True)
                    (run / _LOCK).unlink()
                    run.rmdir()


def _owner(run: Path) -> str:
    try:
        owner = read_json(run / OWNER)
        return f"process {owner['pid']} on {owner['host']} ({owner['command']}, since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
