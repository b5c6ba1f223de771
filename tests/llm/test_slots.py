import asyncio
import http.server
import json
import threading
from contextlib import contextmanager

import pytest

from embedtune.llm.slots import told_slots


@contextmanager
def served(body, status=200):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/props", seen
    server.shutdown()
    server.server_close()


def test_llama_cpp_tells_its_slots_to_who_has_the_key():
    with served(json.dumps({"total_slots": 4, "model_path": "m"}).encode()) as (url, seen):
        assert asyncio.run(told_slots(url, "k")) == 4
    assert seen == [("/props", "Bearer k")]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 200), (b"[]", 200), (b"[" * 99_000, 200), (b'{"total_slots": -1}', 200), (b'{"total_slots": true}', 200),
     (b'{"total_slots": 1e9}', 200), (b'{"total_slots": 4}', 503), (b" " * 2**21 + b'{"total_slots": 4}', 200), (b"<html>", 200)],
)  # fmt: skip
def test_another_answer_tells_nothing(body, status):
    with served(body, status) as (url, _):
        assert asyncio.run(told_slots(url, None)) is None


def test_nobody_tells_nothing():
    assert asyncio.run(told_slots("http://127.0.0.1:9/props", None)) is None
