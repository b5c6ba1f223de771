"""How often and when a failed call is sent again (tenacity; the SDKs' own retries are off)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from embedtune.llm.failures import TRANSPORT, CallError

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

ATTEMPTS = 8
REFUSALS = 3
"""Refusals of one call after which the model is believed."""

_FIRST_S, _LONGEST_S = 0.5, 30.0


def retrying(attempts: int, sleep: Callable[[float], Awaitable[None]]) -> AsyncRetrying:
    """Return tenacity's loop for one call.

    Failures of the way wait a random time that doubles at each try, 30 seconds at most; what the server asks for is waited
    by the gate, for all calls alike. A bad answer is asked for again at once: the server is well.

    Args:
        attempts: Tries at most, at least 1.
        sleep: Waits; raises when the run is to end.
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
