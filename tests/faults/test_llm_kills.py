"""Kills in the middle of asking; ``python tests/faults/llm_kills.py --kills 50`` kills whole runs of ``generate``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.llm.batch_files import write_answers
from embedtune.llm.store import AnswerStore, snapshot
from embedtune.synthesis.llm.session import LlmSession
from tests.faults.kill_runs import environment
from tests.faults.llm_faults import Questions, judge
from tests.faults.llm_kills import CONCURRENCY, Runs, usable_prompts
from tests.llm_server import Script, ScriptedServer

_CHILD = """
import sys
from pathlib import Path
from embedtune.errors import StoppedError
from tests.faults.test_llm_kills import ask
try:
    ask(sys.argv[1], Path(sys.argv[2]))
except StoppedError as error:
    sys.exit(error.exit_code)
"""


def ask(url, folder):
    """Ask 120 calls, and write the answers."""
    store = AnswerStore(folder / ".llm.sqlite")
    asking = LlmSession(LlmConfig(name="openai:scripted", base_url=url, concurrency=CONCURRENCY), store)
    asking.ask(Questions(None, 120).calls, judge, "ask")
    write_answers(folder / "llm.sqlite", asking.calls.values())
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_two_kills_and_ctrl_c_lose_no_answer_pay_at_most_what_was_in_flight_twice_and_change_no_byte(tmp_path):
    questions = Questions(None, 120)
    (tmp_path / "calm").mkdir()
    with ScriptedServer(Script(answers=questions.answers)) as server:
        ask(server.url, tmp_path / "calm")
    killed = tmp_path / "killed"
    killed.mkdir()
    with ScriptedServer(Script(answers=questions.answers, faults={"wrong_count": 10}, latency_s=0.05)) as server:
        for goal, number in ((20, signal.SIGKILL), (50, signal.SIGINT), (80, signal.SIGKILL)):
            process = subprocess.Popen([sys.executable, "-c", _CHILD, server.url, str(killed)], env=environment())
            deadline = time.monotonic() + 60
            while server.answered.total() < goal and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            assert process.wait(30) == (130 if number == signal.SIGINT else -number)
            time.sleep(0.1)
        kept, before = answered(killed), server.calls.total()
        ask(server.url, killed)
    assert 70 <= kept < 120
    assert server.calls.total() - before <= (120 - kept) * 1.5
    assert sum(count - 1 for count in server.answered.values() if count > 1) <= 2 * CONCURRENCY
    assert (killed / "llm.sqlite").read_bytes() == (tmp_path / "calm" / "llm.sqlite").read_bytes()


def answered(folder):
    """Return how many good answers a store holds."""
    if not (folder / ".llm.sqlite").exists():
        return 0
    with snapshot(folder / ".llm.sqlite") as store:
        histories = store.histories([call.key for call in Questions(None, 120).calls])
        return sum(
            any(attempt.outcome == "answer" and judge(None, attempt.answer) is None for attempt in found)
            for found in histories.values()
        )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_generate_ends_in_the_same_bytes(tmp_path):
    runs = Runs(tmp_path, faults={"error_500": 5, "wrong_count": 5}, latency_s=0.05)
    found = runs.kill(lambda run: len(usable_prompts(run / ".llm.sqlite")) >= 40)
    assert found.hit
    assert found.committed >= 40
    assert found.lost == 0
    assert found.paid_twice <= CONCURRENCY
    assert found.differing == []
