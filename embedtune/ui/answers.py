"""Requests and answers: forms read, templates filled, errors as sentences; work runs in threads, one at a time with models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from embedtune.errors import ConfigError, DataError, EmbedtuneError, InUseError
from embedtune.redaction import redact
from embedtune.ui.views import fill

_STATUS: dict[type[EmbedtuneError], int] = {ConfigError: 400, DataError: 422, InUseError: 409}
_MOST_FIELDS = 5_000

Form = Mapping[str, list[str]]
"""Name → values, in their order."""

Handler = Callable[[Request, Form], Response]


def answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Return a route: the query string, or the form that was sent, is read, and an error becomes a page or a sentence."""

    async def answer(request: Request) -> Response:
        try:
            form = _fields(request.url.query)
            if request.method == "POST" and "json" not in request.headers.get("content-type", ""):
                form = form | _fields((await request.body()).decode("utf-8", "replace"))
            return await run_in_threadpool(handler, request, form)
        except EmbedtuneError as error:
            return refusal(request, error)

    return answer


def _fields(text: str) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise ConfigError(f"form: expected at most {_MOST_FIELDS:,} fields, found more") from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def one(form: Form, name: str, default: str = "") -> str:
    """Return the last value of a field."""
    return form.get(name, [default])[-1]


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a whole page."""
    return HTMLResponse(fill(name, path=request.url.path, address=address, **values), status)


def fragment(name: str, **values: Any) -> HTMLResponse:
    """Return a part of a page."""
    return HTMLResponse(fill(name, address=address, **values))


def refusal(request: Request, error: EmbedtuneError) -> Response:
    """Return an error as who asked can read it: JSON for a script of the page, else a page."""
    status = _STATUS.get(type(error), 500)
    message, hint = redact(str(error)), error.hint and redact(error.hint)
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse({"error": message, "hint": hint}, status)
    if request.headers.get("x-part"):
        return HTMLResponse(fill("message.html", text=message, hint=hint), status)
    return page(request, "error.html", status, message=message, hint=hint)


def go(path: str, **query: str | list[str]) -> RedirectResponse:
    """Send the browser to a view, which it gets anew."""
    return RedirectResponse(address(path, **query), 303)


def address(path: str, **query: str | list[str]) -> str:
    """Return the address of a view."""
    return f"{quote(path)}?{urlencode(query, doseq=True)}" if query else quote(path)
