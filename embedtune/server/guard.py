"""What stands before the routes: the key, the size of a request, and the count of answers."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_OPEN = ("/health",)  # without a key, for load balancers


def error_body(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """Return an error as clients of OpenAI (``error``) and of Cohere (``message``) read it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}, "message": message}


class Guard:
    """An ASGI application around another."""

    def __init__(
        self, app: App, *, key: str | None, max_bytes: int, on_answer: Callable[[str, int, float], None]
    ) -> None:
        """Guard an application.

        Args:
            app: The application.
            key: What ``Authorization: Bearer`` must bring; None asks for nothing.
            max_bytes: Of a body.
            on_answer: Called with path, status and seconds of each answer.
        """
        self._app = app
        self._key = key
        self._max_bytes = max_bytes
        self._on_answer = on_answer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._guarded(scope, receive, sent)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")  # what somebody makes up is no label
            self._on_answer(path, status, time.perf_counter() - started)

    async def _guarded(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._key and scope["path"] not in _OPEN and not self._knows_key(headers.get(b"authorization", b"")):
            await _refuse(
                send, 401, "expected Authorization: Bearer with the key of this server", "authentication_error"
            )
            return
        too_large = f"expected a body of at most {self._max_bytes} bytes; send fewer texts at once"
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._max_bytes:
            await _refuse(send, 413, too_large)
            return
        body = await whole_body(receive, self._max_bytes)
        if body is None:
            await _refuse(send, 413, too_large)
            return
        await self._app(scope, replay(body, receive), send)

    def _knows_key(self, given: bytes) -> bool:
        return hmac.compare_digest(given, f"Bearer {self._key}".encode())


async def whole_body(receive: Receive, most: int) -> bytes | None:
    """Return the body of a request; None as soon as it has more than ``most`` bytes, or who sent it left before its end."""
    parts, n_bytes = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":  # half a form may well read as another whole one
            return None
        parts.append(message.get("body", b""))
        n_bytes += len(parts[-1])
        if n_bytes > most:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _refuse(send: Send, status: int, message: str, kind: str = "invalid_request_error") -> None:
    body = json.dumps(error_body(message, kind)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives an application a body that was read already, and then what comes after it."""
    whole = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def read() -> Message:
        return next(whole, None) or await receive()

    return read
