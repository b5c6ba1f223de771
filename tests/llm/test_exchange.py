from __future__ import annotations

import asyncio
import http.server
import json
import resource
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.llm.completions import tidy
from embedtune.llm.exchange import MOST_BYTES
from embedtune.llm.failures import CallError, classify
from embedtune.llm.providers import load_provider
from embedtune.llm.store import Answer, Message, make_call

CALL = make_call("openai:m", [Message("user", "say something")], {}, "write")
GOOD = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a word"}, "finish_reason": "stop"}]}

Handler = http.server.BaseHTTPRequestHandler


@contextmanager
def served(answer: Callable[[Handler], None]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve what ``answer`` writes, on a real socket; yield the address and the headers of each call."""
    asked: list[dict[str, str]] = []

    class Server(Handler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append({name.lower(): value for name, value in self.headers.items()})
            try:
                answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def send(handler: Handler, body: object, status: int = 200, **headers: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def ask(url: str, name: str = "openai:m") -> Answer:
    return asyncio.run(_ask(url, name))


async def _ask(url: str, name: str) -> Answer:
    provider = load_provider(LlmConfig(name=name, base_url=url, timeout_s=20))
    try:
        return await provider.ask(CALL)
    finally:
        await provider.close()


def failure(url: str, name: str = "openai:m") -> CallError:
    with pytest.raises(Exception) as error:
        ask(url, name)
    return classify(error.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["openai:m", "ollama:m"])
def test_a_call_does_not_follow_to_another_server(name: str, status: int) -> None:
    with served(lambda handler: send(handler, GOOD)) as (other, asked):
        target = other.replace("127.0.0.1", "localhost") + "/v1/chat/completions"
        with served(lambda handler: send(handler, {}, status, location=target)) as (url, _):
            found = failure(f"{url}/v1", name)
    assert not asked
    assert found.kind == "redirected"
    assert found.scope == "run"
    assert "localhost" in str(found)


def test_a_call_follows_on_the_same_server() -> None:
    def answer(handler: Handler) -> None:
        moved = handler.path.endswith("/moved")
        send(handler, GOOD) if moved else send(handler, {}, 307, location=f"{handler.path}/moved")

    with served(answer) as (url, _):
        assert ask(f"{url}/v1").text == "a word"


def test_what_the_environment_has_for_others_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    canaries = {
        "OPENAI_API_KEY": "canary-1", "OPENAI_ORG_ID": "canary-2", "OPENAI_PROJECT_ID": "canary-3",
        "OPENAI_CUSTOM_HEADERS": "x-canary: canary-4\nauthorization: canary-5", "OLLAMA_API_KEY": "canary-6",
    }  # fmt: skip
    for name, value in canaries.items():
        monkeypatch.setenv(name, value)
    ollama = {"message": {"role": "assistant", "content": "a word"}, "done": True}
    with served(lambda handler: send(handler, {**GOOD, **ollama})) as (url, asked):
        assert ask(f"{url}/v1").text == "a word"
        assert ask(url, "ollama:m").text == "a word"
        monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "own-key")
        ask(f"{url}/v1")
    assert len(asked) == 3
    assert "canary" not in json.dumps(asked)
    assert asked[-1]["authorization"] == "Bearer own-key"


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * 2**20
    return b"".join([*(packer.compress(blank) for _ in range(512)), packer.flush()])


def _endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")


@pytest.mark.parametrize("name", ["openai:m", "ollama:m"])
@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_has_a_largest_size(name: str, status: int) -> None:
    bomb = _bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with served(lambda handler: send(handler, bomb, status, content_encoding="gzip")) as (url, _):
        assert f"more than {MOST_BYTES // 2**20} MB" in str(failure(f"{url}/v1", name))
    with served(_endless) as (url, _):
        assert f"more than {MOST_BYTES // 2**20} MB" in str(failure(f"{url}/v1", name))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def test_packed_answers_are_unpacked() -> None:
    data = json.dumps(GOOD).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with served(lambda h: send(h, packer.compress(data) + packer.flush(), content_encoding="gzip")) as (url, _):
        assert ask(f"{url}/v1").text == "a word"
    with served(lambda h: send(h, data, content_encoding="br")) as (url, _):
        assert "not asked for" in str(failure(f"{url}/v1"))
    with served(lambda h: send(h, data, content_encoding="gzip")) as (url, _):
        assert "cannot be unpacked" in str(failure(f"{url}/v1"))


USAGES: list[Any] = [1e30, "many", True, [1, 2], {"prompt_tokens": 2**63}, {"prompt_tokens": 1e30, "completion_tokens": 5},
    {"prompt_tokens": True, "completion_tokens": "x"}, {"prompt_tokens": -1, "completion_tokens": 2**80}, {}, None, [], "",
    {"prompt_tokens": None, "completion_tokens": {}, "prompt_tokens_details": 7}]  # fmt: skip


@pytest.mark.parametrize("usage", USAGES, ids=str)
def test_counts_that_cannot_be_true_are_unknown(usage: object) -> None:
    ollama = {"message": {"role": "assistant", "content": "a word"}, "prompt_eval_count": usage, "eval_count": usage}
    with served(lambda handler: send(handler, {**GOOD, **ollama, "usage": usage})) as (url, _):
        for name in ("openai:m", "ollama:m"):
            answer = ask(f"{url}/v1", name)
            assert answer.text == "a word"
            assert 0 < answer.prompt_tokens < 100
            assert 0 < answer.completion_tokens < 100


def test_counts_that_can_be_true_are_kept() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 9}
    assert json.loads(tidy(json.dumps({**GOOD, "usage": usage}).encode(), "choices"))["usage"] == {
        **usage,
        "total_tokens": 16,
    }


WORDS = "no slot is free now"
ERRORS = [{"error": WORDS}, {"error": {"message": WORDS}}, {"detail": WORDS}, {"object": "error", "message": WORDS},
          {"detail": [{"msg": WORDS}]}, {"choices": None, "error": {"message": WORDS, "code": 503}}, {"choices": [], "error": [WORDS]}]  # fmt: skip


@pytest.mark.parametrize("name", ["openai:m", "ollama:m"])
@pytest.mark.parametrize("body", ERRORS, ids=str)
def test_an_error_that_comes_as_a_success_is_told_in_the_servers_words(body: dict[str, object], name: str) -> None:
    with served(lambda handler: send(handler, body)) as (url, _):
        found = failure(f"{url}/v1", name)
    assert WORDS in str(found)
    assert found.kind == "server"


@pytest.mark.parametrize(("code", "kind", "scope"), [(401, "unauthorized", "run"), (404, "not_found", "run"),
                         (429, "rate_limit", "again"), (503, "server", "again"), (400, "bad_request", "call")])  # fmt: skip
def test_such_an_error_is_counted_as_its_kind(code: int, kind: str, scope: str) -> None:
    with pytest.raises(CallError) as error:
        tidy(json.dumps({"error": {"message": WORDS, "code": code}}).encode(), "choices")
    assert (error.value.kind, error.value.scope) == (kind, scope)


ODD = [b"", b"null", b"[]", b"7", b'"text"', b"{", b"{}", b"[" * 100_000, b"1" * 10_000, b'{"choices": null}', b'{"choices": [7]}',
       b'{"choices": {}}', b'{"choices": [{"message": null}]}', b'{"choices": [{"message": {"content": [1]}}]}', b"\xff\xfe"]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=lambda body: repr(body[:40]))
def test_an_answer_of_another_form_is_told_in_plain_words(body: bytes) -> None:
    with served(lambda handler: send(handler, body)) as (url, _):
        found = failure(f"{url}/v1")
    assert found.kind == "bad_response"
    for internal in ("TypeError", "KeyError", "AttributeError", "NoneType", "JSONDecodeError", "ValidationError"):
        assert internal not in str(found)
