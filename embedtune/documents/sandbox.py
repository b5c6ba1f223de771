"""Read files in a child process with limits of memory and time, so that a bad file costs one row and not the run.

The child reads many files, so that a thousand small ones cost one start. It is replaced when it dies or exceeds its time.
That is the processor's: on a machine that is busy with other work the same files are read. Parent and child exchange lines of
JSON: to unpickle the answers of a subverted child would defeat the purpose.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from embedtune.documents.buffer import document_of
from embedtune.documents.readers import OUT_OF_MEMORY, no_reader, read_with, readers
from embedtune.documents.readers.files import MEGABYTE, ReadingLimits
from embedtune.errors import ConfigError
from embedtune.types import Document, Skipped

_CHILD = "embedtune.documents.sandbox"
_DIED = "the parser died"
_END_S = 2.0
_LEAST_S, _PER_MEGABYTE_S = 20.0, 20.0
_PATIENCE = 3  # seconds of the clock for each of the processor: other processes are at work too
_OVERRUN = -getattr(signal, "SIGPROF", 0) or None
_SLOW_S = 5.0
_log = logging.getLogger("embedtune")
_FILES_PER_CHILD = 500  # what a library leaks goes with the child


class Sandbox:
    """A context manager that reads files; the child starts with the first file that needs it."""

    def __init__(self, limits: ReadingLimits) -> None:
        self._limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._files = 0
        self._closing = threading.Event()
        self._reading = threading.Lock()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child, even while another thread waits for its answer; nothing is read any more."""
        self._closing.set()
        if child := self._child:
            child.kill()
        with self._reading:
            self._stop()

    def read(self, path: Path, name: str) -> Document | Skipped:
        """Read one file in the child; raises ``ConfigError`` if its reader cannot be loaded."""
        if reason := no_reader(path):
            return Skipped(name, reason)
        with self._reading:
            return self._read(path, name)

    def _read(self, path: Path, name: str) -> Document | Skipped:
        reader = readers()[path.suffix.lower()]
        if self._files >= _FILES_PER_CHILD:
            self._stop()
        used = self._files > 0
        read = self._request(reader.function, path, name)
        died = isinstance(read, Skipped) and read.reason.startswith((_DIED, OUT_OF_MEMORY))
        if used and died and not self._closing.is_set():
            # Earlier files may have used up the memory, or broken the child; alone, a file gets the same as among others.
            self._stop()
            read = self._request(reader.function, path, name)
        return read

    def _request(self, function: str, path: Path, name: str) -> Document | Skipped:
        child = self._started()
        if self._closing.is_set():  # by another thread, which may have come before this child
            child.kill()
        self._files += 1
        overrun = threading.Event()

        def end() -> None:
            overrun.set()
            child.kill()

        seconds = self._seconds(path)
        timer = threading.Timer(_PATIENCE * seconds, end)
        slow = threading.Timer(
            _SLOW_S, _log.info, ["%s: still being read after %g s, at most %g", name, _SLOW_S, seconds]
        )
        for each in (timer, slow):
            each.daemon = True
            each.start()
        try:
            asked = {"function": function, "path": os.fsencode(path.absolute()).hex(), "name": name, "seconds": seconds}
            answer = _exchange(child, asked)
        finally:
            slow.cancel()
            timer.cancel()
            timer.join()
        if answer is None:
            with suppress(subprocess.TimeoutExpired):  # a child that has closed its end will soon leave its exit code
                child.wait(_END_S)
        if answer is None or overrun.is_set():
            self._stop()
        if answer is not None:
            return answer
        code = child.returncode
        if overrun.is_set() or code == _OVERRUN:
            return Skipped(name, f"it took longer than {seconds:g} s")
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Skipped(name, f"{_DIED} ({how}); the file is broken or needs too much memory")

    def _seconds(self, path: Path) -> float:
        """Return the processor time that a file may take: a small one that takes a minute will not end."""
        with suppress(OSError):
            return min(self._limits.timeout_s, round(_LEAST_S + _PER_MEGABYTE_S * path.stat().st_size / MEGABYTE))
        return self._limits.timeout_s

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            # Numerical libraries get one thread: the stacks of more would count as memory.
            threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            path = os.pathsep.join(entry or os.curdir for entry in sys.path)
            environment = {**os.environ, "PYTHONPATH": path, **threads}
            command = [sys.executable, "-m", _CHILD, json.dumps(asdict(self._limits))]
            self._child = subprocess.Popen(  # noqa: S603 - our own module, by this Python
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
            assert self._child.stdout is not None
            self._child.stdout.readline()  # its start is no time of a file
        return self._child

    def _stop(self) -> None:
        child, self._child, self._files = self._child, None, 0
        if child is not None:
            child.kill()
            child.communicate()


def _exchange(child: subprocess.Popen[bytes], request: Mapping[str, object]) -> Document | Skipped | None:
    """Send a request to the child and return its answer; None if it died before."""
    assert child.stdin is not None and child.stdout is not None
    try:
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        answer = json.loads(child.stdout.readline())
        if "config_error" not in answer:
            return Skipped(*answer["skipped"]) if "skipped" in answer else document_of(answer["document"])
    except (OSError, ValueError):
        return None
    raise ConfigError(answer["config_error"], hint=answer["hint"])


_GRACE_S = 5.0


def serve() -> None:
    """Answer the requests on stdin until it ends; the only argument has the limits."""
    limits = ReadingLimits(**json.loads(sys.argv[1]))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not mix with the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _limit_memory(limits.memory_mb)
    answers.write(b"\n")  # ready
    answers.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_time(request["seconds"])
        path = Path(os.fsdecode(bytes.fromhex(request["path"])))
        try:
            record = read_with(request["function"], path, request["name"], limits)
            answer = json.dumps({"document" if isinstance(record, Document) else "skipped": record}).encode()
        except ConfigError as error:
            answer = json.dumps({"config_error": error.args[0], "hint": error.hint}).encode()
        except MemoryError:
            answer = json.dumps(
                {"skipped": [request["name"], f"{OUT_OF_MEMORY} than {limits.memory_mb:,} MB"]}
            ).encode()
        _limit_time(0)
        answers.write(answer + b"\n")
        answers.flush()


def _limit_memory(megabytes: int) -> None:
    """Bound the address space, and leave no core dumps; on Windows there is no such limit."""
    try:
        import resource
    except ImportError:
        return
    for kind, bound in ((resource.RLIMIT_AS, megabytes * MEGABYTE), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        soft = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):  # macOS refuses to bound the address space
            continue


def _limit_time(seconds: float) -> None:
    """Die after so much time of the processor, or much more of the clock even if the parent is gone; 0 removes the limit."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds + (_GRACE_S if seconds else 0))


if __name__ == "__main__":
    serve()
