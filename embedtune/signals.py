"""Stopping when it is asked for, at a good moment."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_log = logging.getLogger("embedtune")


@dataclass
class StopRequest:
    """Whether somebody has asked to stop."""

    signal_number: int | None = None  # of the first signal that came

    def __bool__(self) -> bool:
        return self.signal_number is not None


@contextmanager
def catch_stop(what: str) -> Iterator[StopRequest]:
    """Remember Ctrl-C and SIGTERM instead of acting on them; a second one acts at once.

    Signals belong to the main thread: in another one this does nothing. The message names ``what`` will be finished first.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def remember(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        for each, handler in before.items():
            signal.signal(each, handler)
        _log.warning("stopping: %s first; once more stops at once", what)

    for number in _SIGNALS:
        signal.signal(number, remember)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class TerminatedError(KeyboardInterrupt):
    """SIGTERM as an exception, so that what is half done is tidied away as for Ctrl-C."""


def raise_on_termination() -> None:
    """Turn SIGTERM into ``TerminatedError`` from now on."""

    def act(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    signal.signal(signal.SIGTERM, act)
