"""Read several files at once, each in a sandbox of its own; what was asked for first comes back first."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import LifoQueue
from typing import NamedTuple, TypeVar

from embedtune import machine
from embedtune.documents.readers.files import MEGABYTE, ReadingLimits
from embedtune.documents.sandbox import Sandbox
from embedtune.errors import ConfigError
from embedtune.executor import in_order, workers
from embedtune.types import Document, Skipped

T = TypeVar("T")

_MOST = 4
_AHEAD = 2  # files of each sandbox that are read, or wait to be taken; their texts are in memory


class Sandboxes:
    """A context manager that reads files in the background, by workers if there are any (``executor.workers``).

    Attributes:
        n: How many are read at once: one for each core, as long as each can have all the memory that it may take.
    """

    def __init__(self, limits: ReadingLimits, n: int | None = None) -> None:
        self._workers, self._load = workers(), partial(_reader, limits)
        room = machine.memory().available // (limits.memory_mb * MEGABYTE)
        self.n = n or (self._workers.size if self._workers else max(1, min(_MOST, machine.cores(), room)))
        self._all = [Sandbox(limits) for _ in range(self.n)]
        self._idle: LifoQueue[Sandbox] = LifoQueue()  # the last one first: few files start few children
        for each in self._all:
            self._idle.put(each)
        self._threads = ThreadPoolExecutor(self.n, thread_name_prefix="reading")

    def __enter__(self) -> Sandboxes:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop at once, whatever is still being read."""
        for each in self._all:
            each.close()
        self._threads.shutdown(cancel_futures=True)

    def read(self, path: Path, name: str) -> Callable[[], Document | Skipped]:
        """Begin to read a file; the result waits for it, and raises ``ConfigError`` if its reader cannot be loaded."""
        if self._workers:
            return self._workers.submit(self._load, _File(path.absolute(), name, path.stat().st_size)).result
        return self._threads.submit(self._read, path, name).result

    def in_order(self, begin: Callable[[Path], Callable[[], T]], paths: Iterable[Path]) -> Iterator[T]:
        """Call ``begin`` for each file and yield the results in the order of the files; few are begun before they are taken."""
        return in_order(map(begin, paths), self.n * _AHEAD)

    def _read(self, path: Path, name: str) -> Document | Skipped:
        sandbox = self._idle.get()
        try:
            return sandbox.read(path, name)
        finally:
            self._idle.put(sandbox)


class _File(NamedTuple):
    """A file as this machine has it."""

    path: Path
    name: str
    size: int


def _reader(limits: ReadingLimits) -> Callable[[_File], Document | Skipped]:
    """Return what reads files in a worker, which must see them as they are here."""
    sandbox = Sandbox(limits)

    def read(file: _File) -> Document | Skipped:
        size = file.path.stat().st_size if file.path.is_file() else None
        if size != file.size:
            found = "no such file" if size is None else f"{size:,} bytes"
            raise ConfigError(
                f"{file.path}: expected the same {file.size:,} bytes on {socket.gethostname()}, found {found}",
                hint="put the documents on a disk that all machines see in the same place",
            )
        return sandbox.read(file.path, file.name)

    return read
