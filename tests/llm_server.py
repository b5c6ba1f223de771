"""A server with OpenAI's chat interface on a real socket that does what a script says, faults included.

    python tests/llm_server.py --port 8899 [--faults] [--obey FILE] [--latency 0.1]

It writes queries from the words of the passage in the prompt, always the same for a prompt, and keeps a record of every call
(``GET /record``). With ``--faults`` about 37 % of all calls go wrong, in ways and at calls that the seed fixes. With ``--obey``
it does what the document says: FILE maps a code word in a passage to the answer that an obedient model would give.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

# Per cent of calls; the rest is answered well.
FAULTS = {
    "rate_limit": 12, "error_500": 4, "error_503_wait": 2, "error_529": 2, "reset": 3, "hang": 1, "html_200": 2, "html_502": 1,
    "broken_json": 3, "torn_body": 1, "wrong_count": 3, "empty": 1, "refusal": 1, "cut_off": 1,
}  # fmt: skip
MALFORMED = frozenset(
    {"broken_json", "wrong_count", "empty", "cut_off"}
)  # one for each prompt: a second is not asked again
IN_A_ROW = 6  # faults of one prompt; without a limit 0.37⁸ of all calls would fail eight times, whoever asks
REFUSED = 100  # one prompt in so many is always refused
WAIT_S = 1
GRACE_S = 0.1  # until the client can have read of a window; on a busy machine that takes some time
HANG_S = 30.0
_PASSAGE = re.compile(r"<<([0-9a-f]{12}) PASSAGE(?: \d+)?>>\n(.*?)\n<<\1 END", re.DOTALL)
_WORDS = re.compile(r"[^\W\d_]{4,}")
_FORMS = (
    "how does {0} go together with {1} and {2}",
    "{0} {1} {2}",
    "why would {0} matter to {1} near {2}?",
    "{1} makes {0} depend on {2}",
    "problem with {2}, {0} seems to affect {1}",
)


@dataclass
class Script:
    """What the server does.

    Attributes:
        faults: Per cent of calls by fault.
        refused: One prompt in so many is always refused; 0 is none.
        in_a_row: Faults of one prompt at most; 0 is no limit.
        seed: Of the faults.
        latency_s: Of a good answer.
        wait_s: What ``Retry-After`` asks for.
        hang_s: How long a hanging call hangs.
        fatal: A status that every call gets from ``fatal_after`` calls on.
        answers: Fixed answers by a word of the prompt.
        answers_to: Words that a prompt must have for them.
        thinks: Put a draft before each answer and a closing tag without its opening, as DeepSeek-R1 under vLLM does.
        streams_s: Seconds between the words of an answer to a call that asks for a stream; None sends it whole.
        weak: Answer chats with rows of digits; a text is continued well, as small models do.
        echo_headers: Put the request's headers into errors and answers, as a careless proxy does.
    """

    faults: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    in_a_row: int = IN_A_ROW
    seed: int = 0
    latency_s: float = 0.0
    wait_s: float = WAIT_S
    hang_s: float = HANG_S
    fatal: tuple[int, str] | None = None
    fatal_after: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    answers_to: str = ""
    thinks: bool = False
    streams_s: float | None = None
    weak: bool = False
    echo_headers: bool = False


class ScriptedServer:
    """The server and its record."""

    def __init__(self, script: Script, port: int = 0) -> None:
        self.script = script
        self.calls: Counter[str] = Counter()  # by prompt
        self.answered: Counter[str] = Counter()  # of those, good ones that were sent to the end
        self.faults: Counter[str] = Counter()
        self.in_window = 0
        self.lateness: list[float] = []
        self.same_in_window = 0
        self.in_flight = self.most_in_flight = 0
        self.bodies: list[dict[str, object]] = []
        self._port = port
        self._closed_until = 0.0
        self._opened = 0.0
        self._windows: dict[str, float] = {}
        self._malformed: Counter[str] = Counter()

    def __enter__(self) -> ScriptedServer:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self._port))
            self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
            started.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        def end() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.05, self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join(5)

    def record(self) -> dict[str, object]:
        """Return the record as JSON values."""
        return {
            "prompts": len(self.calls), "calls": self.calls.total(), "most_calls_of_a_prompt": max(self.calls.values(), default=0),
            "answered_twice": sum(count - 1 for count in self.answered.values() if count > 1), "faults": dict(self.faults),
            "in_window": self.in_window, "same_prompt_in_window": self.same_in_window, "most_in_flight": self.most_in_flight, "lateness": self.lateness[:100],
        }  # fmt: skip

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    if not await self._respond(lines[0].split()[1], headers, body, writer):
                        break
                finally:
                    self.in_flight -= 1
        writer.close()

    async def _respond(self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        if path.endswith("/record"):
            return await _send(writer, 200, json.dumps(self.record()))
        if not path.endswith(("/chat/completions", "/v1/completions")):
            return await _send(writer, 404, json.dumps({"error": {"message": f"no route {path}"}}))
        request = json.loads(body)
        self.bodies.append(request)
        prompt = request.get("prompt") or next(
            each["content"] for each in request["messages"] if each["role"] == "user"
        )
        key = hashlib.sha256(prompt.encode()).hexdigest()
        number = self.calls[key]
        self.calls[key] += 1
        now = time.monotonic()
        if self._opened + GRACE_S < now < self._closed_until:
            self.in_window += 1
            self.lateness.append(round(now - self._opened, 3))
        self.same_in_window += now < self._windows.get(key, 0.0)
        echoed = f" {headers}" if self.script.echo_headers else ""
        if self.script.fatal and self.calls.total() > self.script.fatal_after:
            status, code = self.script.fatal
            self.faults[code] += 1
            return await _send(writer, status, json.dumps({"error": {"message": f"{code}{echoed}", "code": code}}))
        fault = self._fault(key, number)
        if fault:
            self.faults[fault] += 1
        return await self._act(fault, key, request, prompt, echoed, writer)

    def _fault(self, key: str, number: int) -> str | None:
        if self.script.refused and int(key[:8], 16) % self.script.refused == 0:
            return "refused_for_ever"
        if self.script.in_a_row and number % (self.script.in_a_row + 1) == self.script.in_a_row:
            return None
        draw = random.Random(f"{self.script.seed}:{key}:{number}").uniform(0, 100)
        for name, share in self.script.faults.items():
            draw -= share
            if draw < 0 and name in MALFORMED:
                self._malformed[key] += 1
                return name if self._malformed[key] == 1 or not self.script.in_a_row else None
            if draw < 0:
                return name
        return None

    async def _act(self, fault, key, request, prompt, echoed, writer) -> bool:  # noqa: C901
        match fault:
            case "rate_limit" | "error_503_wait":
                now = time.monotonic()
                if now >= self._closed_until:
                    self._opened = now
                self._closed_until = max(self._closed_until, now + self.script.wait_s)
                self._windows[key] = now + self.script.wait_s
                status = 429 if fault == "rate_limit" else 503
                header = {"Retry-After": f"{self.script.wait_s:g}"}
                return await _send(writer, status, json.dumps({"error": {"message": "slow down" + echoed}}), header)
            case "error_500" | "error_529":
                return await _send(writer, int(fault[-3:]), json.dumps({"error": {"message": "overloaded" + echoed}}))
            case "reset":
                writer.transport.abort()
                return False
            case "hang":
                await asyncio.sleep(self.script.hang_s)
                return False
            case "html_200" | "html_502":
                page = "<html><body><h1>Bad gateway</h1></body></html>"
                return await _send(writer, int(fault[-3:]), page, {"Content-Type": "text/html"})
        await asyncio.sleep(self.script.latency_s)
        text = self._text(prompt, goes_on="prompt" in request) + echoed
        draft = text.replace('["', '["draft ') + "</think>" if self.script.thinks else ""
        queries = json.loads(text)["queries"] if text.startswith('{"queries"') and not echoed else []
        finish = "stop"
        match fault:
            case "broken_json":
                text = text[: len(text) // 2] + ' " } ]'
            case "wrong_count":
                text = json.dumps({"queries": [*queries, "one query too many"]})
            case "empty":
                text = ""
            case "refusal" | "refused_for_ever":
                text = "I'm sorry, but I can't help with that."
            case "cut_off":
                text, finish = text[: len(text) // 2], "length"
        text = draft + text
        if self.script.streams_s is not None and request.get("stream"):
            self.answered[key] += fault is None
            return await _stream(writer, text, finish, self.script.streams_s, goes_on="prompt" in request)
        response = json.dumps(_completion(request["model"], prompt, text, finish, goes_on="prompt" in request))
        if fault == "torn_body":
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(response)}\r\n\r\n".encode()
            )
            writer.write(response[: len(response) // 2].encode())
            await writer.drain()
            return False
        sent = await _send(writer, 200, response)
        if fault is None:
            self.answered[key] += 1
        return sent

    def _text(self, prompt: str, *, goes_on: bool) -> str:
        for word, answer in self.script.answers.items():
            if word in prompt and self.script.answers_to in prompt:
                return answer
        if goes_on:
            return continue_text(prompt)
        return " ".join(map(str, range(len(prompt) % 97))) if self.script.weak else write_queries(prompt)


class ServerProcess:
    """The same server in a process of its own, so that neither side waits for the other's interpreter."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def __enter__(self) -> ServerProcess:
        self._folder = tempfile.TemporaryDirectory(prefix="embedtune-server-")
        file = Path(self._folder.name, "script.json")
        file.write_text(json.dumps(asdict(self._script)), encoding="utf-8")
        command = [sys.executable, __file__, "--port", "0", "--script", str(file)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def record(self) -> dict[str, object]:
        """Return the record as JSON values."""
        with urllib.request.urlopen(f"{self.url}/record") as response:
            found: dict[str, object] = json.loads(response.read())
        return found


def write_queries(prompt: str) -> str:
    """Write the queries that a prompt asks for, or grade what it asks to grade, from nothing but the prompt."""
    if '"grades"' in prompt:
        n = prompt.rsplit('{"grades": [', 1)[1].count("0")
        return json.dumps(
            {"grades": [4 + (n_ + len(prompt)) % 2 if "from 1 to 5" in prompt else n_ % 3 for n_ in range(n)]}
        )
    n = len(json.loads(prompt.rsplit("\n", 1)[1])["queries"])
    return json.dumps({"queries": _queries(prompt, [match[1] for match in _PASSAGE.findall(prompt)], n)})


def continue_text(prompt: str) -> str:
    """Write the query that a text with examples ends in."""
    return f" {_queries(prompt, [prompt.rpartition('Text: ')[2].rpartition(chr(10))[0]], 1)[0]}"


def _queries(prompt: str, texts: list[str], n: int) -> list[str]:
    words = list(dict.fromkeys(word.lower() for text in texts for word in _WORDS.findall(text)))
    draw = random.Random(hashlib.sha256(prompt.encode()).hexdigest())
    counted = sorted(words, key=lambda word: (-len(word), word))[:14] or ["nothing", "stands", "there"]
    queries = []
    for number in range(n):
        chosen = draw.sample(counted, min(3, len(counted)))
        chosen += ["thing"] * (3 - len(chosen))
        queries.append(_FORMS[(number + len(prompt)) % len(_FORMS)].format(*chosen))
    return queries


def _completion(model: str, prompt: str, text: str, finish: str, *, goes_on: bool) -> dict[str, object]:
    said = {"text": text} if goes_on else {"message": {"role": "assistant", "content": text}}
    return {
        "id": "chatcmpl-1", "object": "text_completion" if goes_on else "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, **said, "finish_reason": finish}],
        "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4,
                  "total_tokens": len(prompt) // 4 + len(text) // 4},
    }  # fmt: skip


async def _stream(writer: asyncio.StreamWriter, text: str, finish: str, pause_s: float, *, goes_on: bool) -> bool:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for word in re.findall(r"\S*\s*", text):
        await asyncio.sleep(pause_s)
        said = {"text": word} if goes_on else {"delta": {"content": word}}
        choice = {"index": 0, **said, "finish_reason": None if word else finish}
        writer.write(
            f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n".encode()
        )
        await writer.drain()
    writer.write(b"data: [DONE]\n\n")
    await writer.drain()
    return False


async def _send(writer: asyncio.StreamWriter, status: int, body: str, headers: dict[str, str] | None = None) -> bool:
    given = {"Content-Type": "application/json", "Content-Length": str(len(body.encode())), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n{body}".encode())
    await writer.drain()
    return True


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8899)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--obey", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--script", type=Path, help="JSON with the fields of Script; goes before the other options")
    arguments = parser.parse_args()
    script = Script(
        faults=FAULTS if arguments.faults else {},
        refused=REFUSED if arguments.faults else 0,
        seed=arguments.seed,
        latency_s=arguments.latency,
        answers=json.loads(arguments.obey.read_text()) if arguments.obey else {},
    )
    if arguments.script:
        script = Script(**json.loads(arguments.script.read_text(encoding="utf-8")))
    with ScriptedServer(script, arguments.port) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
