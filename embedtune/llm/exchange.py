"""What goes over the wire to a server and back: its headers, its redirects, and the size and form of what it answers.

These are hooks for httpx, which OpenAI's and Ollama's clients stand on. The answer is read in the hook, in pieces, so that no
library sees what was never checked.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any

from embedtune.llm.cost import known_count
from embedtune.llm.failures import CallError, meaning

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
_MAX_WORDS = 200


def restrict_headers(headers: MutableMapping[str, str], key: str | None) -> None:
    """Leave the headers that a call needs, and this server's key: libraries add what the environment has for others."""
    for name in {str(name).lower() for name in headers} - _HEADERS:
        if not name.startswith("x-stainless-"):
            del headers[name]
    if key:
        headers["Authorization"] = f"Bearer {key}"


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
            parts += unpack(piece)
        whole = b"".join(parts)
        return whole if response.status_code >= 300 else tidy(whole, form)

    await _read(response, body)


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


def tidy(body: bytes, form: str) -> bytes:
    """Return what is used of a chat's answer: text, ending, and counts of tokens that can be true. Raises ``CallError``."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise CallError("bad_response", f"no JSON but {_shown(body.decode('utf-8', 'replace'))}") from None
    if not isinstance(value, dict):
        raise CallError("bad_response", f"no object but {_shown(value)}")
    choice = _choice(value) if form == "choices" else value
    message = choice.get("message")
    if not isinstance(message, dict):
        raise _error_in(value) or CallError("bad_response", f"an answer without {form}: {_shown(value)}")
    texts = {name: message.get(name) for name in ("content", "refusal")}
    if any(not isinstance(text, str | None) for text in texts.values()):
        raise CallError("bad_response", f"a message that is no text: {_shown(message)}")
    said = {"role": "assistant", **texts}
    kept = {
        name: value[name] for name in ("id", "created", "created_at", "model") if isinstance(value.get(name), str | int)
    }
    if form == "choices":
        ending = choice.get("finish_reason")
        choices = [{"index": 0, "message": said, "finish_reason": ending if isinstance(ending, str) else "stop"}]
        kept |= {"object": "chat.completion", "choices": choices, **_usage(value.get("usage"))}
    else:
        ended = {name: value[name] for name in ("done", "done_reason") if isinstance(value.get(name), str | bool)}
        counts = {name: known_count(value.get(name)) for name in ("prompt_eval_count", "eval_count")}
        kept |= {"message": said, **ended, **{name: count for name, count in counts.items() if count is not None}}
    return json.dumps(kept).encode()


def _choice(value: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _usage(usage: object) -> dict[str, object]:
    if not isinstance(usage, dict):
        return {}
    prompt, completion = known_count(usage.get("prompt_tokens")), known_count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return {}
    total = prompt + completion
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}}


def _error_in(value: Mapping[str, Any]) -> CallError | None:
    """Return the error that a server reports in an answer: OpenAI's, vLLM's, FastAPI's and Ollama's forms."""
    error = value.get("error") or value.get("detail") or (value if value.get("object") == "error" else None)
    if not error:
        return None
    words, code = error, None
    if isinstance(error, dict):
        words, code = error.get("message") or error, error.get("code") or error.get("status")
    text = words if isinstance(words, str) else _shown(words)
    kind, scope = meaning(code, text) if isinstance(code, int) and code >= 400 else ("server", "again")
    return CallError(kind, text, scope=scope)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text[:_MAX_WORDS])
