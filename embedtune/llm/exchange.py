"""What goes over the wire to a server and back: its headers, its redirects, and the size and form of what it answers.

These are hooks for httpx, which OpenAI's and Ollama's clients stand on. The answer is read in the hook, in pieces, so that no
library sees what was never checked.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from embedtune.llm.completions import tidy
from embedtune.llm.failures import CallError
from embedtune.llm.waiting import heard

MOST_BYTES = 16 * 2**20
"""Of an answer, before and after it is unpacked."""

_HEADERS = frozenset(
    {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "content-type",
        "content-length",
        "transfer-encoding",
    }
)
PACKINGS = "gzip, deflate"
"""What is asked for and can be unpacked in pieces."""

_PACKED = {"": 0, "identity": 0, "gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_PIECE = 2**16
_COMMENT = b":"  # of an event stream: a server that is alive and writes nothing
_WITH_USAGE = {"include_usage": True}


def restrict_headers(headers: MutableMapping[str, str], key: str | None) -> None:
    """Leave the headers that a call needs, and this server's key: libraries add what the environment has for others."""
    for name in {str(name).lower() for name in headers} - _HEADERS:
        if not name.startswith("x-stainless-"):
            del headers[name]
    if key:
        headers["Authorization"] = f"Bearer {key}"


def ask_to_stream(request: Any) -> None:
    """Let an answer come word by word, so that a call that is being written is told from one that hangs."""
    try:
        body = json.loads(request.content)
    except (ValueError, RuntimeError):  # no JSON, or a call that follows a redirect and was written before
        return
    if isinstance(body, dict) and ("messages" in body or "prompt" in body):
        body |= {"stream": True, **({} if request.url.path.endswith("/api/chat") else {"stream_options": _WITH_USAGE})}
        content = json.dumps(body, ensure_ascii=False).encode()
        request.stream = type(request.stream)(content)
        request.headers["content-length"] = str(len(content))


def check_redirect(response: Any) -> None:
    """Raise ``CallError`` where a server sends a call on to another server: what is in it was not meant for that one."""
    if not response.has_redirect_location:
        return
    asked, target = response.request.url, response.request.url.join(response.headers["location"])
    if (asked.scheme, asked.host, asked.port) != (target.scheme, target.host, target.port):
        raise CallError("redirected", f"a redirect to {target.scheme}://{target.netloc.decode()}", scope="run")


async def read_answer(response: Any, form: str) -> None:
    """Read the whole answer of a chat, within ``MOST_BYTES``, and check its form.

    ``form`` is the field that holds it: ``choices`` or ``message``. Raises ``CallError`` if it is too large, cannot be
    unpacked, or is no answer; with the server's words, if it is an error that came with a status of 200.
    """
    packing = response.headers.pop("content-encoding", "").strip().lower()

    async def body(stream: AsyncIterator[bytes]) -> bytes:
        unpack, parts = _Unpacker(packing), list[bytes]()
        async for piece in stream:
            if not piece.startswith(_COMMENT):
                heard()
            parts += unpack(piece)
        whole = b"".join(parts)
        return whole if response.status_code >= 300 else tidy(whole, form)

    await _read(response, body)
    if response.status_code < 300:
        response.headers["content-type"] = "application/json"


def bound(response: Any) -> None:
    """Let the answer of a client that waits (not an asynchronous one) be read within ``MOST_BYTES`` alone."""
    before, packing = response.stream, response.headers.pop("content-encoding", "").strip().lower()
    stream_class = next(kind for kind in type(before).__mro__ if kind.__name__ == "SyncByteStream")

    class Bounded(stream_class):  # type: ignore[misc, valid-type]
        def __iter__(self) -> Iterator[bytes]:
            unpack = _Unpacker(packing)
            for piece in before:
                yield from unpack(piece)

        def close(self) -> None:
            before.close()

    response.stream = Bounded()


async def _read(response: Any, body: Callable[[AsyncIterator[bytes]], Awaitable[bytes]]) -> None:
    """Put a stream in place of a response's that gives what ``body`` makes of it, and read it."""
    before = response.stream
    stream_class = next(kind for kind in type(before).__mro__ if kind.__name__ == "AsyncByteStream")

    class Read(stream_class):  # type: ignore[misc, valid-type]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield await body(before)

        async def aclose(self) -> None:
            await before.aclose()

    response.stream = Read()
    await response.aread()


class _Unpacker:
    """Unpacks an answer piece by piece, and counts."""

    def __init__(self, packing: str) -> None:
        if packing not in _PACKED:
            raise CallError("bad_response", f"an answer packed by {packing[:20]!r}, which was not asked for")
        self._inflate = zlib.decompressobj(_PACKED[packing]) if _PACKED[packing] else None
        self._received = self._unpacked = 0

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        self._received += len(piece)
        self._check(self._received)
        while piece:
            part, piece = self._next(piece)
            self._unpacked += len(part)
            self._check(self._unpacked)
            yield part

    def _next(self, piece: bytes) -> tuple[bytes, bytes]:
        if self._inflate is None:
            return piece, b""
        try:
            return self._inflate.decompress(piece, _PIECE), self._inflate.unconsumed_tail
        except zlib.error as error:
            raise CallError("bad_response", f"an answer that cannot be unpacked: {error}") from None

    @staticmethod
    def _check(size: int) -> None:
        if size > MOST_BYTES:
            raise CallError("bad_response", f"an answer of more than {MOST_BYTES // 2**20} MB")
