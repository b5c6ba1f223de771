"""What stands before the page: the token, the names by which it is called, where a request comes from, and its size.

Another page in the same browser can send requests here. It knows no token; the cookie that a browser would add for it is
``SameSite=Strict``; and what it sends has a ``Host``, an ``Origin`` or a ``Sec-Fetch-Site`` of its own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qs

from embedtune.server.guard import App, Message, Receive, Send, replay, whole_body
from embedtune.ui.uploads import UPLOADS_PATH

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""A Content-Security-Policy (W3C, level 3): no inline script or style has an effect, nothing is fetched elsewhere."""

_MAX_BYTES = 2_000_000  # of a form, with a list of queries
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_SAFE = ("GET", "HEAD")
_OWN = (b"same-origin", b"none")
_AUTHORITY = re.compile(rb"[A-Za-z0-9.:\[\]-]{1,255}")


class Refusal(NamedTuple):
    """Why a request is not answered."""

    status: int
    sentence: str


class Door:
    """An ASGI application around the page."""

    def __init__(self, app: App, *, token: str, port: int, host: str = "127.0.0.1") -> None:
        """Let in who has the token, calls ``host``, ``127.0.0.1`` or ``localhost`` at this port, and comes from here."""
        self._app = app
        self._token = token
        names = {f"[{host}]" if ":" in host else host, "127.0.0.1", "localhost"}
        self._hosts = {f"{name}:{port}".encode() for name in names}
        self._cookie = f"embedtune-{port}"  # cookies know no ports: two pages on one machine must not share one

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
        named = bool(given) and self._knows(given)
        if refusal := self._refusal(scope["method"], headers, named=named, given=given):
            await _refuse(send, refusal)
            return
        if not scope["path"].startswith(UPLOADS_PATH):
            declared = headers.get(b"content-length", b"0")
            body = None
            if declared.isdigit() and int(declared) <= _MAX_BYTES:
                body = await whole_body(receive, _MAX_BYTES)
            if body is None:
                await _refuse(
                    send,
                    Refusal(413, f"expected a form of at most {_MAX_BYTES:,} bytes, found more; nothing was kept"),
                )
                return
            receive = replay(body, receive)
        await self._app(scope, receive, self._with_headers(send, named=named))

    def _refusal(self, method: str, headers: Mapping[bytes, bytes], *, named: bool, given: str) -> Refusal | None:
        host = headers.get(b"host", b"")
        if not _AUTHORITY.fullmatch(host) or host not in self._hosts:
            return Refusal(421, "expected the address that embedtune ui printed, found another Host; nothing was done")
        if not named and (given or not self._knows(self._of_cookie(headers))):
            return Refusal(403, "expected the token; open the address that embedtune ui printed, with its ?token=")
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site", b"none")
        if origin is not None and origin != b"http://" + host:
            return Refusal(403, "expected a request of this page, found another Origin; nothing was done")
        if site not in _OWN and not (named and method in _SAFE):
            return Refusal(403, "expected a request of this page, found one of another site; nothing was done")
        if method not in _SAFE and origin is None and not named:
            return Refusal(403, "expected a request of this page, found one without an Origin; nothing was done")
        return None

    def _of_cookie(self, headers: Mapping[bytes, bytes]) -> str:
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return ""
        return cookies[self._cookie].value if self._cookie in cookies else ""

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _with_headers(self, send: Send, *, named: bool) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message.get("headers", [])}
                added = [
                    (name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in own
                ]
                if named:
                    cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    added.append((b"set-cookie", cookie.encode()))
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        return sent


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = f"{refusal.sentence}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
