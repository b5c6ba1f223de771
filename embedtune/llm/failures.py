"""Failures of calls and limits of rates: what a failure means for call and run, when a call is sent, and its outcome.

Providers' libraries are not imported here: their exceptions are recognised by status, headers and the names of their classes.
Retries are tenacity's; those of the SDKs are off.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from embedtune.llm.pace import Concurrency
from embedtune.llm.store import ANSWER, Answer, Attempt, Call
from embedtune.redaction import redact

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState


ATTEMPTS = 8
REFUSALS = 3
"""Refusals of one call after which it is given up."""
MALFORMED = 2
"""Unreadable answers of one call after which it is given up; the second was asked for by naming the fault of the first."""

_FIRST_S, _LONGEST_S = 0.5, 30.0


def retrying(attempts: int, sleep: Callable[[float], Awaitable[None]]) -> AsyncRetrying:
    """Return tenacity's loop for one call.

    Transport failures wait a random time that doubles at each try, 30 seconds at most; the rate limiter waits for
    ``Retry-After``, for all calls alike. A call with a bad answer is sent again at once: the server is well.
    """
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    backoff = wait_random_exponential(multiplier=_FIRST_S, max=_LONGEST_S)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, CallError) or error.kind not in TRANSPORT or error.retry_after is not None:
            return 0.0
        return float(backoff(state))

    return AsyncRetrying(
        stop=stop_after_attempt(attempts),
        wait=wait,
        retry=retry_if_exception(lambda error: isinstance(error, CallError) and error.scope == "again"),
        sleep=sleep,
        reraise=True,
    )


Scope = Literal["again", "call", "run"]
"""What a failure ends: nothing (the call is sent again), this call, or the run."""

TRANSPORT = frozenset({"rate_limit", "server", "connection", "unreachable", "timeout", "bad_response"})
"""Failures of transport, not of the answer."""

_QUOTA = re.compile(
    r"insufficient[_ ]quota|exceeded your current quota|billing|out of credits|credit balance", re.IGNORECASE
)
_TOO_LONG = re.compile(
    r"context[_ ]length|maximum context|too many tokens|context window|prompt is too long", re.IGNORECASE
)
_FILTERED = re.compile(r"content[_ ](filter|policy)|responsible ai|safety", re.IGNORECASE)
_MAX_MESSAGE = 300


class CallError(Exception):
    """A call without a usable answer."""

    def __init__(
        self, kind: str, message: str = "", *, scope: Scope = "again", retry_after: float | None = None
    ) -> None:
        super().__init__(redact(" ".join(message.split()))[:_MAX_MESSAGE])
        self.kind = kind  # as counted in the manifest
        self.scope: Scope = scope
        self.retry_after = retry_after  # seconds, if the server asked for them


def classify(error: Exception) -> CallError:
    """Return what an exception of a provider's library means."""
    if own := next((cause for cause in causes(error) if isinstance(cause, CallError)), None):
        return own  # of our hooks; libraries wrap it
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        kind, scope = meaning(status, str(error))
        headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
        seconds = retry_after({str(name).lower(): str(value) for name, value in headers.items()})
        return CallError(kind, str(error), scope=scope, retry_after=seconds if scope == "again" else None)
    names = {kind.__name__ for one in causes(error) for kind in type(one).__mro__}
    if names & {"APITimeoutError", "TimeoutException", "TimeoutError"} or isinstance(error, asyncio.TimeoutError):
        return CallError("timeout", str(error) or "no answer in time")
    if names & {"ConnectError", "gaierror"} or isinstance(error, ConnectionRefusedError):
        return CallError("unreachable", str(error))
    if names & {"APIConnectionError", "TransportError", "ConnectionError"}:
        # ollama's client has its own text for a refused connection
        return CallError("unreachable" if "Failed to connect" in str(error) else "connection", str(error))
    return CallError("bad_response", f"{type(error).__name__}: {error}")


def meaning(status: int, message: str) -> tuple[str, Scope]:
    """Return kind and scope of an HTTP status of 400 or more."""
    rules: tuple[tuple[bool, str, Scope], ...] = (
        (status == 402 or (status in (403, 429) and bool(_QUOTA.search(message))), "quota", "run"),
        (status in (401, 403), "unauthorized", "run"),
        (status == 404, "not_found", "run"),
        (status == 429, "rate_limit", "again"),
        (status in (408, 409, 425) or status >= 500, "server", "again"),
        (status == 413 or bool(_TOO_LONG.search(message)), "too_long", "call"),
        (bool(_FILTERED.search(message)), "refusal", "call"),
    )
    return next(((kind, scope) for applies, kind, scope in rules if applies), ("bad_request", "call"))


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return the seconds of ``retry-after-ms`` or ``retry-after`` (seconds or a date), or None."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        if not (value := headers.get("retry-after")):
            return None
        if re.fullmatch(r"\s*[0-9.]+\s*", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - (time.time() if now is None else now))
    except (ValueError, TypeError):
        return None


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an exception and its causes: libraries wrap what our hooks raise."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


AnswerCheck = Callable[[Call, Answer], str | None]
"""Returns None for a usable answer, else its fault: ``refusal``, ``wrong_count``, …"""

REFUSAL = "refusal"
_ENDS_THE_CALL = frozenset({"too_long", "bad_request", REFUSAL})


class Rejected(NamedTuple):
    """An answer in a form that cannot be read."""

    fault: str  # what is wrong with it
    answer: Answer  # as it came


class Outcome(NamedTuple):
    """The state of a call."""

    answer: Answer | None  # the first usable one, or None
    failure: str | None  # why it was given up, or None
    n_attempts: int = 0  # that count against its limit
    n_refusals: int = 0  # of those, refusals
    n_malformed: int = 0  # of those, answers in a form that cannot be read
    rejected: Rejected | None = None  # the last of these

    @property
    def waits(self) -> bool:
        """Whether the call must still be sent."""
        return self.answer is None and self.failure is None


def outcome_of(call: Call, history: Sequence[Attempt], check: AnswerCheck) -> Outcome:
    """Return the state of a call by its history: answered (first usable answer), given up after its attempts, or waiting."""
    last, rejected = None, None
    n_attempts = n_refusals = n_malformed = 0
    for attempt in history:
        fault: str | None = attempt.outcome
        if attempt.outcome == ANSWER:
            fault = check(call, attempt.answer)
            if fault is None:
                return Outcome(attempt.answer, None)
        if attempt.current:
            n_attempts += 1
            n_refusals += fault == REFUSAL
            if attempt.outcome == ANSWER and fault and fault != REFUSAL:
                n_malformed += 1
                rejected = Rejected(fault, attempt.answer)
            last = fault
            if attempt.outcome in _ENDS_THE_CALL:
                return Outcome(None, last, n_attempts, n_refusals, n_malformed)
    given_up = n_attempts >= ATTEMPTS or n_refusals >= REFUSALS or n_malformed >= MALFORMED
    return Outcome(None, last if given_up else None, n_attempts, n_refusals, n_malformed, rejected)


_SLICE_S = 0.2  # a request to stop is noticed at least this often


class StopWaitingError(Exception):
    """The run should stop; every method of ``RateLimiter`` that waits raises it."""


class HeldBackError(Exception):
    """A pause began between the admission of a call and the moment it would have been sent."""


class RateLimiter:
    """Admits calls by llama-index's sliding-window limiter, and none during a server's ``Retry-After``.

    After a pause one call is admitted, and one more for every answer (as in TCP's slow start), so that a server that needs
    another pause does not get many calls before it can say so.
    """

    def __init__(
        self,
        *,
        concurrency: int = 8,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Limit the calls in flight, and calls and estimated tokens in any 60 seconds; ``is_stopping`` ends every wait."""
        self._closed_until = 0.0
        self._concurrency = Concurrency(concurrency)
        self._allowed = self._concurrency.now
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
        """Admit no call for some seconds; a longer pause that is running stays."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)
        self._allowed = 1

    @property
    def most(self) -> int:
        """Calls that may be in flight now, but for a pause."""
        return self._concurrency.now

    def take_slots(self, n_slots: int) -> None:
        """Let as many calls be in flight as the server has told that it can work on."""
        self._concurrency.fix(n_slots)
        self._allowed = min(self._allowed, self._concurrency.now)

    def late(self) -> None:
        """Let fewer calls be in flight: one was not answered in time."""
        self._concurrency.shrink()
        self._allowed = min(self._allowed, self._concurrency.now)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Reserve one of the slots in flight; wait for a free one and for the end of a pause."""
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
        """Count an answer: one call more may be in flight."""
        self._concurrency.answered(time.monotonic())
        self._allowed = min(self._concurrency.now, self._allowed + 1)
        self._changed.set()

    async def enter(self, tokens: int) -> None:
        """Wait until a call of so many tokens may be sent."""
        await self.reopened()
        if self._limiter is not None:
            # More than a whole minute's tokens would never be admitted.
            allowed = int(min(tokens, self._tokens_per_minute or tokens))
            admission = asyncio.ensure_future(self._limiter.async_acquire(allowed))
            try:
                while not admission.done():
                    self._check()
                    await asyncio.wait({admission}, timeout=_SLICE_S)
                admission.result()
            finally:
                admission.cancel()
        await self.reopened()

    async def reopened(self) -> None:
        """Wait for the end of a pause; one may have begun since ``enter``."""
        while (left := self._closed_until - time.monotonic()) > 0:
            await self.sleep(left)
        self._check()

    def check_open(self) -> None:
        """Raise ``HeldBackError`` if a pause has begun, at the last moment before a call is written to the socket."""
        if time.monotonic() < self._closed_until:
            raise HeldBackError

    def hear(self, status: int, headers: Mapping[str, str]) -> None:
        """Pause as soon as the headers of a response ask for it."""
        if status in (429, 503) and (seconds := retry_after(headers)) is not None:
            self.pause(seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait some seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check()
            await asyncio.sleep(min(left, _SLICE_S))
        self._check()

    def _check(self) -> None:
        if self._is_stopping():
            raise StopWaitingError
