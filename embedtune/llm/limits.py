"""When the next call may go out: rates, and the pauses that servers ask for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from embedtune.llm.failures import retry_after

_SLICE_S = 0.2  # a request to stop is heard at least this often


class StopWaitingError(Exception):
    """The run is to end; whoever waits should give up."""


class HeldBackError(Exception):
    """The gate was closed between its opening for a call and the moment when the call would have been sent."""


class RateLimiter:
    """Lets calls out by llama-index's sliding-window limiter, and none while a server wants none.

    After a pause calls do not go out all at once: one is let out, and one more for every answer that comes (TCP's slow
    start), so that a server that wants another pause is not sent a flock of calls before that is heard.
    """

    def __init__(
        self,
        *,
        concurrency: int = 8,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start with no pause.

        Args:
            concurrency: Calls in flight at most.
            requests_per_minute: Calls in any 60 seconds at most; None is no limit.
            tokens_per_minute: Tokens in any 60 seconds at most, estimated before the call; None is no limit.
            is_stopping: PlannedCall while waiting; True ends the wait with ``StopWaitingError``.
        """
        self._closed_until = 0.0
        self._most = self._allowed = concurrency
        self._in_flight = 0
        self._changed = asyncio.Event()
        self._is_stopping = is_stopping
        self._tokens_per_minute = tokens_per_minute
        self._limiter: Any = None
        if requests_per_minute or tokens_per_minute:
            from llama_index.core.rate_limiter import SlidingWindowRateLimiter

            self._limiter = SlidingWindowRateLimiter(
                requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute
            )

    def pause(self, seconds: float) -> None:
        """Close the gate for some seconds from now; a longer pause that is running stays."""
        if (until := time.monotonic() + seconds) > self._closed_until:
            self._closed_until = until
        self._allowed = 1

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the places in flight; wait for one that is free and for the end of a pause.

        Raises:
            StopWaitingError: If the run is to end.
        """
        await self.reopened()
        while self._in_flight >= self._allowed:
            self._changed.clear()
            await self._changed.wait()
            await self.reopened()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._changed.set()

    def answered(self) -> None:
        """Note that the server is well: one call more may be in flight."""
        self._allowed = min(self._most, self._allowed + 1)
        self._changed.set()

    async def enter(self, tokens: int) -> None:
        """Wait until a call of so many tokens may go out.

        Raises:
            StopWaitingError: If the run is to end.
        """
        await self.reopened()
        if self._limiter is not None:
            # More than a whole minute's tokens would never be let through.
            allowed = int(min(tokens, self._tokens_per_minute or tokens))
            await self._patiently(self._limiter.async_acquire(allowed))
        await self.reopened()

    async def reopened(self) -> None:
        """Wait while a pause lasts: one may have begun since ``enter``.

        Raises:
            StopWaitingError: If the run is to end.
        """
        while (left := self._closed_until - time.monotonic()) > 0:
            await self.sleep(left)
        self._check()

    def check_open(self) -> None:
        """Refuse at the last moment, when a call is about to be written to the socket.

        Raises:
            HeldBackError: If a pause has begun.
        """
        if time.monotonic() < self._closed_until:
            raise HeldBackError

    def hear(self, status: int, headers: Mapping[str, str]) -> None:
        """Close the gate as soon as the head of a response asks for it."""
        if status in (429, 503) and (seconds := retry_after(headers)) is not None:
            self.pause(seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait some seconds.

        Raises:
            StopWaitingError: If the run is to end.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check()
            await asyncio.sleep(min(left, _SLICE_S))
        self._check()

    async def _patiently(self, waiting: Awaitable[None]) -> None:
        task = asyncio.ensure_future(waiting)
        try:
            while not task.done():
                self._check()
                await asyncio.wait({task}, timeout=_SLICE_S)
            task.result()
        finally:
            task.cancel()

    def _check(self) -> None:
        if self._is_stopping():
            raise StopWaitingError
