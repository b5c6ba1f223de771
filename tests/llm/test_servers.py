"""llama-index's classes against real sockets."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ConfigError
from embedtune.llm.failures import HeldBackError, RateLimiter, causes, classify
from embedtune.llm.providers import load_provider
from embedtune.llm.store import Message, make_call
from tests.llm_server import Script, ScriptedServer

SCHEMA = {"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 2, "maxItems": 2}
PROMPT = 'Write.\n{"queries": ["…", "…"]}'


def call(prompt=PROMPT, purpose="write"):
    return make_call(
        "openai:m",
        [Message("system", "s"), Message("user", prompt)],
        {"temperature": 0.3, "max_tokens": 99},
        purpose,
        SCHEMA,
    )


def ask(provider, one=None):
    async def once():
        try:
            return await provider.ask(one or call())
        finally:
            await provider.close()

    return asyncio.run(once())


def test_openai_like_sends_prompt_parameters_and_schema_and_reads_the_usage(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-this-server")
    with ScriptedServer(Script(echo_headers=True)) as server:
        answer = ask(load_provider(LlmConfig(name="openai:m", base_url=server.url)))
        (body,) = server.bodies
    assert body["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": PROMPT}]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0.3, 99)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "tools" not in body
    assert answer.text.startswith('{"queries"')
    assert answer.finish == "stop"
    assert answer.prompt_tokens == len(PROMPT) // 4
    assert "not-for-this-server" not in answer.text


GOES_ON = make_call(
    "openai:m",
    [Message("user", "Text: a kettle\nQuery:"), Message("assistant", "kettles"), Message("user", "Text: limescale stays\nQuery:")],
    {"temperature": 0.3, "max_tokens": 9},
    "write",
    continues=True,
)  # fmt: skip


@pytest.mark.parametrize("pause", [None, 0.001])
def test_a_text_is_continued_up_to_the_end_of_its_line(pause):
    with ScriptedServer(Script(streams_s=pause, weak=True)) as server:
        answer = ask(load_provider(LlmConfig(name="openai:m", base_url=server.url)), GOES_ON)
        (body,) = server.bodies
    assert body["prompt"] == "Text: a kettle\nQuery: kettles\n\nText: limescale stays\nQuery:"
    assert (body["stop"], body["max_tokens"], body["stream"]) == (["\n"], 9, True)
    assert "messages" not in body
    assert "limescale" in answer.text
    assert answer.finish == "stop"


def test_a_second_event_loop_gets_connections_of_its_own():
    with ScriptedServer(Script()) as server:
        provider = load_provider(LlmConfig(name="openai:m", base_url=server.url))
        assert ask(provider).text == ask(provider).text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limit", "rate_limit"), ("error_500", "server"), ("error_529", "server"), ("error_503_wait", "server"),
        ("reset", "connection"), ("html_502", "server"), ("html_200", "bad_response"), ("torn_body", "connection"),
    ],
)  # fmt: skip
def test_faults_on_the_way(fault, kind):
    with ScriptedServer(Script(faults={fault: 100}, wait_s=2)) as server:
        provider = load_provider(LlmConfig(name="openai:m", base_url=server.url))
        with pytest.raises(Exception) as failed:
            ask(provider)
        assert server.calls.total() == 1  # neither llama-index nor the SDK has tried again
    found = classify(failed.value)
    assert found.kind == kind
    assert found.retry_after == (2 if fault in ("rate_limit", "error_503_wait") else None)


def test_cut_off_answers_say_so():
    with ScriptedServer(Script(faults={"cut_off": 100})) as server:
        assert ask(load_provider(LlmConfig(name="openai:m", base_url=server.url))).finish == "length"


def test_nobody_listens():
    provider = load_provider(LlmConfig(name="openai:m", base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(Exception) as failed:
        ask(provider)
    assert classify(failed.value).kind == "unreachable"


def test_a_closed_gate_holds_a_call_back_at_the_socket_and_a_response_closes_it():
    async def twice(provider, gate):
        provider.attach(gate)
        kinds = []
        for _ in range(2):
            try:
                await provider.ask(call())
            except Exception as error:
                held = any(isinstance(cause, HeldBackError) for cause in causes(error))
                kinds.append("held back" if held else classify(error).kind)
        await provider.close()
        return kinds

    with ScriptedServer(Script(faults={"rate_limit": 100}, wait_s=9)) as server:
        provider = load_provider(LlmConfig(name="openai:m", base_url=server.url))
        assert asyncio.run(twice(provider, RateLimiter())) == ["rate_limit", "held back"]
        assert server.calls.total() == 1


class _Handler(BaseHTTPRequestHandler):
    """Ollama's chat route, and a server with OpenAI's interface that takes no schema."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append((self.path, body, dict(self.headers)))
        if self.path == "/api/chat":
            self._reply(200, {"model": body["model"], "message": {"role": "assistant", "content": '{"queries": ["a b"]}'},
                              "done": True, "done_reason": "length", "prompt_eval_count": 11, "eval_count": 5})  # fmt: skip
        elif self.path == "/v1/completions":
            self._reply(404, {"error": {"message": "this model only chats"}})
        elif "response_format" in body:
            self._reply(400, {"error": {"message": "unknown field response_format"}})
        else:
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": "no"},
                "finish_reason": "stop",
            }
            self._reply(200, {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})

    def _reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def plain_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.bodies = []
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()


def test_ollama(plain_server):
    config = LlmConfig(
        name="ollama:tiny", base_url=f"http://127.0.0.1:{plain_server.server_port}", temperature=0.3, max_tokens=99
    )
    answer = ask(load_provider(config))
    ((path, body, _),) = plain_server.bodies
    assert path == "/api/chat"
    assert body["format"] == SCHEMA
    assert body["options"]["num_predict"] == 99
    assert body["options"]["temperature"] == 0.3
    assert answer == ('{"queries": ["a b"]}', "length", 11, 5)


def test_a_server_without_schemas_is_asked_without_and_its_refusal_is_read(plain_server):
    config = LlmConfig(name="openai:m", base_url=f"http://127.0.0.1:{plain_server.server_port}/v1")
    provider = load_provider(config)
    answer = ask(provider)
    assert ["response_format" in body for _, body, _ in plain_server.bodies] == [True, True, False]
    strict, counted = (body["response_format"]["json_schema"]["schema"] for _, body, _ in plain_server.bodies[:2])
    assert (strict, counted) == (SCHEMA, {**SCHEMA, "items": {"type": "string"}})
    assert (answer.text, answer.finish) == ("no", "refusal")
    assert answer.prompt_tokens > 0  # estimated: the server counts none
    ask(provider)
    assert len(plain_server.bodies) == 4  # it is remembered


def test_a_server_that_only_chats_gets_the_turns_of_a_text(plain_server):
    provider = load_provider(LlmConfig(name="openai:m", base_url=f"http://127.0.0.1:{plain_server.server_port}/v1"))
    assert [ask(provider, GOES_ON).text for _ in range(2)] == ["no", "no"]
    paths = [path for path, _, _ in plain_server.bodies]
    assert paths == ["/v1/completions", "/v1/chat/completions", "/v1/chat/completions"]
    assert [each["role"] for each in plain_server.bodies[-1][1]["messages"]] == ["user", "assistant", "user"]


def test_keys_reach_only_the_server_they_are_for(plain_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "for-openai-alone")
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "for-this-server")
    ask(load_provider(LlmConfig(name="openai:m", base_url=f"http://127.0.0.1:{plain_server.server_port}/v1")))
    assert {headers["Authorization"] for _, _, headers in plain_server.bodies} == {"Bearer for-this-server"}


def test_other_classes_of_llama_index_must_be_installed():
    with pytest.raises(ConfigError) as refused:
        load_provider(LlmConfig(name="llama_index.llms.nowhere.Nowhere:x"))
    assert refused.value.hint == 'pip install "llama-index-llms-nowhere"'
    with pytest.raises(ConfigError, match="no 'Nothing' there"):
        load_provider(LlmConfig(name="llama_index.llms.openai_like.Nothing:x"))


@pytest.mark.parametrize(("pause", "calls"), [(0.001, 1), (None, 2)])
def test_another_class_of_llama_index_answers_by_the_schema_and_streams_where_its_server_does(pause, calls):
    with ScriptedServer(Script(streams_s=pause)) as server:
        name = "llama_index.llms.openai.OpenAI:gpt-4o-mini"
        provider = load_provider(LlmConfig(name=name, base_url=server.url, temperature=0.2, max_tokens=50))
        answer = ask(provider)
        assert answer.text.startswith('{"queries"')
        assert (answer.finish, len(server.bodies)) == ("stop", calls)
        assert server.bodies[0]["max_tokens"] == 50
        assert server.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMA
        assert ask(provider).text == answer.text  # by connections of another event loop
        assert len(server.bodies) == calls + 1  # it is remembered
