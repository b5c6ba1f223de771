"""A server that is not ours: ``transformers serve`` with a model made on the spot. The protocol is tested, not what is said."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ProviderError
from embedtune.llm.store import ANSWER, AnswerStore, Message, make_call
from embedtune.synthesis.llm.session import LlmSession
from tests.llm_models import make_causal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("fastapi") is None or find_spec("uvicorn") is None, reason="transformers serve needs them"
    ),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return address and model of a running server."""
    model = make_causal(tmp_path_factory.mktemp("causal"))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [
        Path(sys.executable).parent / "transformers",
        "serve",
        model,
        "--port",
        str(port),
        "--device",
        "cpu",
        "--dtype",
        "float32",
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (model / "log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=environment)
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/health", timeout=2)
            break
        except httpx.HTTPError:
            time.sleep(0.5)
    yield f"{url}/v1", str(model)
    process.terminate()
    process.wait(20)


def calls(model, n):
    messages = [[Message("system", "be brief"), Message("user", f"cold tap water {number}")] for number in range(n)]
    return [make_call(f"openai:{model}", each, {"temperature": 0.7, "max_tokens": 12}, "write") for each in messages]


def test_calls_are_answered_counted_and_kept(served, tmp_path):
    url, model = served
    store = AnswerStore(tmp_path / "answers.sqlite")
    asking = LlmSession(LlmConfig(name=f"openai:{model}", base_url=url, concurrency=3), store)
    outcomes = asking.ask(calls(model, 6), lambda call, answer: None if answer.text else "empty", "ask")
    assert all(outcome.answer and outcome.answer.text for outcome in outcomes.values())
    assert {outcome.answer.finish for outcome in outcomes.values()} <= {"length", "stop"}
    assert all(1 <= outcome.answer.completion_tokens <= 12 for outcome in outcomes.values())
    assert store.tokens()[0] > 6 * 5
    histories = store.histories(list(outcomes))
    assert [attempt.outcome for history in histories.values() for attempt in history] == [ANSWER] * 6
    store.close()


def test_a_model_that_it_does_not_have_ends_the_run(served, tmp_path):
    url, _ = served
    store = AnswerStore(tmp_path / "answers.sqlite")
    asking = LlmSession(LlmConfig(name="openai:nowhere/nothing", base_url=url), store)
    with pytest.raises(ProviderError) as ended:
        asking.ask(calls("nowhere/nothing", 30), lambda call, answer: None, "ask")
    assert ended.value.exit_code == 4
    store.close()
