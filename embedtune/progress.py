"""Progress on stderr: a bar with time left in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_log = logging.getLogger("embedtune")
_EVERY_S = 10.0


@contextmanager
def track(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far a piece of work is; yields a function to call with the units done since the last call."""
    with track_with_note(what, total) as on_progress:
        yield lambda done: on_progress(done, "")


@contextmanager
def track_with_note(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show how far a piece of work is, and a note that changes, such as counts or cost; the function takes both."""
    if not _log.isEnabledFor(logging.INFO):
        yield lambda _, note: None
    elif sys.stderr.isatty():
        with _display() as progress:
            task = progress.add_task(what, total=total, note="")
            try:
                yield lambda done, note: progress.update(task, advance=done, note=note)
            finally:
                progress.stop_task(task)
    else:
        yield _Lines(what, total).on_progress


_shown: list[Progress] = []


@contextmanager
def _display() -> Iterator[Progress]:
    """Give the display that is on the screen, or a new one: work within work (dev within training) is a second line of it."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
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

    class Display(Progress):
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

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._started = self._last = time.monotonic()

    def on_progress(self, done: int, note: str = "") -> None:
        """Count, and print if it is time."""
        self._done += done
        now = time.monotonic()
        if now - self._last >= _EVERY_S:
            self._last = now
            parts = [f"{self._done} of {self._total}"]
            if self._done:  # before the first nothing is known of the time
                parts.append(f"about {(now - self._started) * (self._total - self._done) / self._done:.0f} s left")
            more = f"; {note}" if note else ""
            _log.info("%s: %s%s", self._what, ", ".join(parts), more)
