"""Work that the page starts: a process of its own in a session of its own, which outlives the page and its server.

Its events are in the run folder, as those of any other work there; ``.job.json`` says which process it is. What a run folder
says is never executed: a stage that was stopped goes on by the recipe, which is checked as if it had just been written.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from calendar import timegm
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from embedtune.errors import InUseError, ResourceError
from embedtune.project.lock import OWNER
from embedtune.project.writing import replace_file
from embedtune.regular import read_json, read_text

RECIPE, ADVICE = "recipe.yaml", "advice.json"
"""What the page writes into a run folder: its settings, and the advice about them."""

EMBEDTUNE = (sys.executable, "-P", "-m", "embedtune")
"""Starts our command line; what lies in the folder where it works is never imported."""

_JOB, _LOG = ".job.json", ".job.log"
_MOST = 100_000
_TAIL = 4_000  # characters of the log
_starting = threading.Lock()
_children: list[subprocess.Popen[bytes]] = []


class Job(NamedTuple):
    """A process that works, or worked, in a run folder; ``what`` is its command in a word, ``command`` as a person types it."""

    pid: int
    what: str
    command: str
    created: float


def start_job(run: Path, arguments: Sequence[str], *, cwd: Path) -> Job:
    """Start ``embedtune ARGUMENTS`` in a folder, for a run that nobody works in.

    Raises:
        InUseError: If a process works there; the run's lock would refuse it too, but only once it has begun.
        ResourceError: If the run folder cannot be written.
    """
    import psutil

    with _starting:
        if job := find_job(run):
            raise InUseError(
                f"{run.name}: expected a run that nobody works in, found {job.command} there (process {job.pid})",
                hint="wait for it to end, or cancel it",
            )
        try:
            with (run / _LOG).open("wb") as log:
                child = subprocess.Popen(  # noqa: S603 (our own module, no shell)
                    [*EMBEDTUNE, *arguments],
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            created = psutil.Process(child.pid).create_time()
            job = Job(child.pid, arguments[0], shlex.join(["embedtune", *arguments]), created)
            replace_file(run / _JOB, json.dumps(job._asdict()).encode())
        except OSError as error:
            raise ResourceError(
                f"{run.name}: expected to start work there, found: {error}", hint="free disk space or memory"
            ) from error
        _children.append(child)
        return job


def last_job(run: Path) -> Job | None:
    """Return the job that this page, or another one, started last in a run."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        found = read_json(run / _JOB, _MOST)
        return Job(int(found["pid"]), str(found["what"]), str(found["command"]), float(found["created"]))
    return None


def find_job(run: Path) -> Job | None:
    """Return who works in a run now: a job of a page, or a command that somebody typed on this machine."""
    job = last_job(run)
    if job and _is_alive(job.pid, job.created):
        return job
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        owner = read_json(run / OWNER, _MOST)
        command = str(owner["command"])
        since = timegm(time.strptime(owner["since"], "%Y-%m-%dT%H:%M:%SZ"))
        if owner["host"] == socket.gethostname() and _is_alive(int(owner["pid"]), before=since):
            what = next((word for word in command.split()[1:] if not word.startswith("-")), "work")
            return Job(int(owner["pid"]), what, command, 0.0)
    return None


def cancel_job(run: Path) -> Job | None:
    """Ask who works in a run to stop, as Ctrl-C would: a step that has begun is finished and saved."""
    job = find_job(run)
    if job:
        with suppress(ProcessLookupError):
            os.kill(job.pid, signal.SIGTERM)
    return job


def log_tail(run: Path) -> str:
    """Return the end of what the last job of a page printed."""
    with suppress(OSError, ValueError):
        return read_text(run / _LOG, 10_000_000)[-_TAIL:]
    return ""


def _is_alive(pid: int, created: float | None = None, before: float = math.inf) -> bool:
    """Return whether a process runs and is embedtune's: numbers of processes are used again, and files can say anything."""
    import psutil

    for child in list(_children):
        if child.poll() is not None:  # reaped, so that it is no zombie
            _children.remove(child)
    try:
        process = psutil.Process(pid)
        began = process.create_time()
        same = began <= before + 1 if created is None else abs(began - created) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE and "embedtune" in " ".join(process.cmdline())
    except (psutil.Error, ValueError, OverflowError):
        return False
