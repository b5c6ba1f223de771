from __future__ import annotations

import asyncio
import signal
import socket
import urllib.request
from urllib.error import HTTPError

import pytest

from embedtune.errors import ConfigError
from embedtune.ui.server import POLICY, WithPolicy, serve
from tests.ui.conftest import start


def test_every_answer_carries_the_policy_and_names_no_other_host():
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message):
        sent.append(message)

    asyncio.run(WithPolicy(app)({"type": "http"}, None, send))
    assert sent[0]["headers"] == [(b"a", b"b"), (b"content-security-policy", POLICY.encode())]
    assert sent[1] == {"type": "http.response.body", "body": b"x"}
    assert "http" not in POLICY and "*" not in POLICY


def test_only_this_machine_is_answered_by_its_name(served):
    assert served.address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(served.address) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    request = urllib.request.Request(served.address, headers={"Host": "elsewhere.example"})
    with pytest.raises(HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_a_taken_port_is_refused_before_anything_is_loaded(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="expected a free port"):
            serve([run], port=taken.getsockname()[1], announce=lambda _: None)


def test_ctrl_c_ends_it(run, tmp_path):
    process, address = start(run, "--judgements", tmp_path / "mine", "-q")
    urllib.request.urlopen(address).read()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "mine").exists()
