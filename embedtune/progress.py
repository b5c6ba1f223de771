"""Progress as events, and on stderr: a bar with time left in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from embedtune.events import Progress, emit

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_log = logging.getLogger("embedtune")
_EVERY_S = 10.0
_TOLD_EVERY_S = 0.5


@contextmanager
def track(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far a piece of work is; yields a function to call with the units done since the last call."""
    with track_with_note(what, total) as on_progress:
        yield lambda done: on_progress(done, "")


@contextmanager
def track_with_note(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show how far a piece of work is, and a note that changes, such as counts or cost; the function takes both.

    Whoever listens to the events is told at most twice a second, and when it ends.
    """
    with _shown_on_stderr(what, total) as show:
        work = _Work(what, total, show)
        try:
            yield work.on_progress
        finally:
            emit(work.state.model_copy(update={"ended": True}))


class _Work:
    """Counts what is done, and turns it into events."""

    def __init__(self, what: str, total: int, show: Callable[[Progress, float], None]) -> None:
        self.state = Progress(what=what, done=0, total=total)
        self._show = show
        self._started = self._told = time.monotonic()
        emit(self.state)

    def on_progress(self, done: int, note: str = "") -> None:
        """Count, show it, and tell it if it is time."""
        now, count, total = time.monotonic(), self.state.done + done, self.state.total
        left = (now - self._started) * (total - count) / count if count else None  # before the first nothing is known
        self.state = Progress(what=self.state.what, done=count, total=total, seconds_left=left, note=note)
        self._show(self.state, now - self._started)
        if now - self._told >= _TOLD_EVERY_S:
            self._told = now
            emit(self.state)


@contextmanager
def _shown_on_stderr(what: str, total: int) -> Iterator[Callable[[Progress, float], None]]:
    """Give what shows a state and the seconds since the start: a bar, a line now and then, or nothing where all is quiet."""
    if not _log.isEnabledFor(logging.INFO):
        yield lambda state, _: None
    elif sys.stderr.isatty():
        with _display() as progress:
            task = progress.add_task(what, total=total, note="")
            try:
                yield lambda state, _: progress.update(task, completed=state.done, note=state.note)
            finally:
                progress.stop_task(task)
    else:
        yield _Lines().show


_shown: list[Bars] = []


@contextmanager
def _display() -> Iterator[Bars]:
    """Give the display that is on the screen, or a new one: work within work (dev within training) is a second line of it."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    if _shown:
        yield _shown[-1]
        return
    columns = (
        TextColumn("{task.description:<24}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )

    class Display(Bars):
        """Bars, and under them what changes: a note within a bar's line would leave no room for the time."""

        def get_renderables(self) -> Iterator[RenderableType]:
            yield self.make_tasks_table(self.tasks)
            for task in self.tasks:
                if note := task.fields.get("note"):
                    yield Text(f"  {note}")

    with Display(*columns, console=Console(stderr=True)) as progress:
        _shown.append(progress)
        try:
            yield progress
        finally:
            _shown.pop()


class _Lines:
    """A line every ten seconds, for logs and pipes."""

    def __init__(self) -> None:
        self._last = 0.0

    def show(self, state: Progress, seconds: float) -> None:
        """Print if it is time."""
        if seconds - self._last >= _EVERY_S:
            self._last = seconds
            parts = [f"{state.done} of {state.total}"]
            if state.seconds_left is not None:
                parts.append(f"about {state.seconds_left:.0f} s left")
            more = f"; {state.note}" if state.note else ""
            _log.info("%s: %s%s", state.what, ", ".join(parts), more)
