"""What work says about itself while it runs: one stream of typed events.

The terminal's bars, ``--events``, a run folder's own record, callbacks (``listen``) and the page all read it. An event is
written as one line of JSON; ``read_events`` reads such a file back, also while it is being written.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from embedtune.errors import EmbedtuneError, StoppedError
from embedtune.processes import is_first
from embedtune.redaction import redact, redact_all
from embedtune.regular import open_regular

EVENTS = ".events.jsonl"
"""Name of the file in a run folder; it tells of the last work there."""

_log = logging.getLogger("embedtune")


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: float = Field(default_factory=time.time, description="Seconds since 1970 (UTC).")


class WorkStarted(_Event):
    """A process began; ``command`` is its command line, without keys."""

    event: Literal["work_started"] = "work_started"
    pid: int
    command: list[str]


class WorkEnded(_Event):
    """It ended: ``done``, ``stopped`` (what was done is saved) or ``failed``, and then why and what to do next."""

    event: Literal["work_ended"] = "work_ended"
    status: Literal["done", "stopped", "failed"]
    message: str = ""
    hint: str | None = None


class StageStarted(_Event):
    """A stage began to write its folder."""

    event: Literal["stage_started"] = "stage_started"
    stage: str


class StageEnded(_Event):
    """A stage is in place; ``record`` is what it counted and measured, as ``--json`` prints it."""

    event: Literal["stage_ended"] = "stage_ended"
    stage: str
    status: Literal["done", "skipped"]
    record: dict[str, Any]


class Progress(_Event):
    """How far a piece of work is; ``note`` changes with it, and ``seconds_left`` is None before anything is known."""

    event: Literal["progress"] = "progress"
    what: str
    done: int
    total: int
    seconds_left: float | None = None
    note: str = ""
    ended: bool = False


class FileSkipped(_Event):
    """A document was not read, and why."""

    event: Literal["file_skipped"] = "file_skipped"
    name: str
    reason: str


class StepTrained(_Event):
    """An optimiser step, from 1, and its loss."""

    event: Literal["step_trained"] = "step_trained"
    step: int
    loss: float


class DevMeasured(_Event):
    """Mean reciprocal rank on the dev queries, in [0, 1], after a step of a method; ``base``: without tuning."""

    event: Literal["dev_measured"] = "dev_measured"
    step: int
    score: float
    base: float


class Said(_Event):
    """A message of the log."""

    event: Literal["said"] = "said"
    level: str
    text: str


Event = WorkStarted | WorkEnded | StageStarted | StageEnded | Progress | FileSkipped | StepTrained | DevMeasured | Said
_ANY: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])
_listeners: list[Callable[[Event], None]] = []


def emit(event: Event) -> None:
    """Tell everybody who listens."""
    for listener in list(_listeners):
        listener(event)


@contextmanager
def listen(callback: Callable[[Event], None]) -> Iterator[None]:
    """Call a function with every event of the work in this block, in the thread in which it happens.

    An exception of the callback ends the work.

    Examples:
        >>> from embedtune.events import Progress, emit
        >>> with listen(lambda event: print(event.what, event.done, event.total)):
        ...     emit(Progress(what="train", done=3, total=60))
        train 3 60
    """
    _listeners.append(callback)
    try:
        yield
    finally:
        _listeners.remove(callback)


@contextmanager
def record(path: Path | None) -> Iterator[None]:
    """Write the events of this block to a file, one JSON object a line; None writes to stderr.

    The file begins anew with the first event. A disk that is full ends the record, never the work. Of several processes the
    first records.
    """
    if not is_first():
        yield
        return
    sink = _Lines(path)
    handler = _Handler(sink)
    _log.addHandler(handler)
    try:
        with listen(sink):
            yield
    except BaseException as error:
        sink.end(_ended(error))
        raise
    else:
        sink.end(WorkEnded(status="done"))
    finally:
        _log.removeHandler(handler)


def _ended(error: BaseException) -> WorkEnded:
    if isinstance(error, StoppedError | KeyboardInterrupt):
        return WorkEnded(status="stopped", message=redact(str(error)))
    hint = error.hint if isinstance(error, EmbedtuneError) else None
    return WorkEnded(status="failed", message=redact(str(error) or type(error).__name__), hint=hint and redact(hint))


class _Lines:
    """A file, or stderr, that takes events until it refuses one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._refused = False
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if self._descriptor is None and not self._refused:
                self._begin()
            self._write(event)

    def end(self, event: WorkEnded) -> None:
        """Write the last event, if there was a first, and close the file."""
        with self._lock:
            if self._descriptor is not None:
                self._write(event)
                if self._path is not None:
                    os.close(self._descriptor)
            self._descriptor, self._refused = None, True

    def _begin(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            self._descriptor = 2 if self._path is None else os.open(self._path, flags, 0o644)
        except OSError:
            self._refused = True
            return
        self._write(WorkStarted(pid=os.getpid(), command=redact_all(sys.argv)))

    def _write(self, event: Event) -> None:
        if self._descriptor is None or self._refused:
            return
        try:
            os.write(self._descriptor, f"{event.model_dump_json()}\n".encode())
        except OSError:
            self._refused = True


class _Handler(logging.Handler):
    """Takes the messages of our log as events, without keys."""

    def __init__(self, sink: _Lines) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink(Said(level=record.levelname.lower(), text=redact(record.getMessage())))


def read_events(path: Path, offset: int = 0, most: int = 16_000_000) -> tuple[list[Event], int]:
    """Return the whole lines of a file behind an offset, at most so many bytes, and where the next begin.

    A file that is shorter than the offset was begun anew, and is read from its start. A line that is no event is left out; a
    file that is not there has none.
    """
    content = b""
    with suppress(OSError), open_regular(path) as file:
        if os.fstat(file.fileno()).st_size < offset:
            offset = 0
        file.seek(offset)
        content = file.read(most)
    whole = content[: content.rfind(b"\n") + 1]
    events = []
    for line in whole.splitlines():
        with suppress(ValidationError):
            events.append(_ANY.validate_json(line))
    return events, offset + len(whole)
