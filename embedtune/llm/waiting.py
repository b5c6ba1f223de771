"""How long a call may be silent: a time for its first words, then a shorter one between words, so that none is cut short."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

_ENOUGH, _PATIENCE = 20, 10.0  # answers; times the slowest of them
_LEAST_S, _LEAST_SILENCE_S = 10.0, 30.0
_SLOWEST_TOKEN_S = 10.0  # before anything was measured


class _Listener:
    """Moves the deadline of one call each time something of its answer arrives."""

    def __init__(self, timeout: asyncio.Timeout, silence_s: float, whole_s: float) -> None:
        self._timeout, self._silence_s = timeout, silence_s
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + whole_s
        self.first: float | None = None  # when the first words came, by ``time.monotonic``
        self.last = 0.0
        self.tokens: list[int] = []

    def heard(self) -> None:
        self.last = time.monotonic()
        if self.first is None:
            self.first = self.last
        self._timeout.reschedule(min(self._end, self._loop.time() + self._silence_s))


_listener: ContextVar[_Listener | None] = ContextVar("listener", default=None)


def heard() -> None:
    """Say that a part of an answer has arrived, to whoever waits for it."""
    if listener := _listener.get():
        listener.heard()


class Waiting:
    """Limits for calls, from what the last hundred answers of the same server took."""

    def __init__(self, timeout_s: float) -> None:
        """Wait ``timeout_s`` seconds for first words at most, and between words."""
        self._timeout_s = timeout_s
        self._first: deque[float] = deque(maxlen=100)  # seconds to the first words
        self._token: deque[float] = deque(maxlen=100)  # seconds a token after them

    @asynccontextmanager
    async def limit(self, max_tokens: int) -> AsyncIterator[Callable[[int], None]]:
        """Wait for an answer of so many tokens at most; raises ``TimeoutError`` after a silence that is too long.

        Yields a function to call with the number of tokens of the answer.
        """
        started = time.monotonic()
        async with asyncio.timeout(self.first_s) as timeout:
            listener = _Listener(timeout, self.silence_s, self.whole_s(max_tokens))
            token = _listener.set(listener)
            try:
                yield listener.tokens.append
            finally:
                _listener.reset(token)
        self._first.append((listener.first or time.monotonic()) - started)
        if listener.first and listener.last > listener.first:
            self._token.extend(
                (listener.last - listener.first) / n_tokens for n_tokens in listener.tokens if n_tokens > 0
            )

    @property
    def first_s(self) -> float:
        """Seconds until the first words must be there."""
        if len(self._first) < _ENOUGH:
            return self._timeout_s
        return min(self._timeout_s, max(_LEAST_S, _PATIENCE * max(self._first)))

    @property
    def silence_s(self) -> float:
        """Seconds between words at most."""
        if len(self._token) < _ENOUGH:
            return self._timeout_s
        return min(self._timeout_s, max(_LEAST_SILENCE_S, _PATIENCE**2 * max(self._token)))

    def whole_s(self, max_tokens: int) -> float:
        """Seconds for a whole answer: only a server that sends a little for ever takes longer."""
        slowest = max(self._token) * _PATIENCE if len(self._token) >= _ENOUGH else _SLOWEST_TOKEN_S
        return self._timeout_s + max_tokens * slowest
