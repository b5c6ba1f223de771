"""Why a call brought no answer, and what that means for the call and for the run.

Providers' libraries are not imported here: their exceptions are told apart by status, headers and the names of their classes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from embedtune.redaction import redact

Scope = Literal["again", "call", "run"]
"""What a failure ends: nothing (the call is sent again), this call, or the run."""

TRANSPORT = frozenset({"rate_limit", "server", "connection", "unreachable", "timeout", "bad_response"})
"""Failures of the way to the model and not of its answer."""

_QUOTA = re.compile(
    r"insufficient[_ ]quota|exceeded your current quota|billing|out of credits|credit balance", re.IGNORECASE
)
_TOO_LONG = re.compile(
    r"context[_ ]length|maximum context|too many tokens|context window|prompt is too long", re.IGNORECASE
)
_FILTERED = re.compile(r"content[_ ](filter|policy)|responsible ai|safety", re.IGNORECASE)
_MAX_MESSAGE = 300


class CallError(Exception):
    """A call without a usable answer.

    Attributes:
        kind: Class of the failure, as counted in the manifest.
        scope: What it ends.
        retry_after: Seconds for which the server wants no call; None if it said nothing.
    """

    def __init__(
        self, kind: str, message: str = "", *, scope: Scope = "again", retry_after: float | None = None
    ) -> None:
        super().__init__(redact(" ".join(message.split()))[:_MAX_MESSAGE])
        self.kind = kind
        self.scope: Scope = scope
        self.retry_after = retry_after


def classify(error: Exception) -> CallError:
    """Return what an exception of a provider's library means."""
    if isinstance(error, CallError):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return _of_status(status, str(error), _headers(error))
    names = {kind.__name__ for one in causes(error) for kind in type(one).__mro__}
    if names & {"APITimeoutError", "TimeoutException", "TimeoutError"} or isinstance(error, asyncio.TimeoutError):
        return CallError("timeout", str(error) or "no answer in time")
    if names & {"ConnectError", "gaierror"} or isinstance(error, ConnectionRefusedError):
        return CallError("unreachable", str(error))
    if names & {"APIConnectionError", "TransportError", "ConnectionError"}:
        # ollama's client words a refused connection itself
        return CallError("unreachable" if "Failed to connect" in str(error) else "connection", str(error))
    return CallError("bad_response", f"{type(error).__name__}: {error}")


def _of_status(status: int, message: str, headers: Mapping[str, str]) -> CallError:
    """Return what an HTTP status of 400 or more means."""
    kind, scope = _meaning(status, message)
    return CallError(kind, message, scope=scope, retry_after=retry_after(headers) if scope == "again" else None)


def _meaning(status: int, message: str) -> tuple[str, Scope]:
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


def _headers(error: Exception) -> Mapping[str, str]:
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    return {} if headers is None else {str(name).lower(): str(value) for name, value in headers.items()}


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an exception and those it came from: libraries wrap what our hooks raise."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
