"""The commands for language models as somebody types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.kill_runs import environment
from tests.llm_server import Script, ScriptedServer, write_queries


@pytest.fixture
def server():
    with ScriptedServer(Script()) as server:
        yield server


@pytest.fixture
def arguments(document_folder, tiny_base, server, tmp_path):
    """Return the arguments that all commands have in common."""
    return [document_folder, "--out", tmp_path / "run", "--model", tiny_base, "--set", "window_tokens=48",
            "--llm", "openai:scripted", "--base-url", server.url]  # fmt: skip


def test_generate_prints_what_was_asked_and_made(invoke, arguments, tmp_path):
    (tmp_path / "mine.txt").write_text("bobbin stuck\nwhy does my kiln turn glazes brown?\n")
    code, out, _ = invoke("generate", *arguments, "--generator", "llm", "--examples", tmp_path / "mine.txt")
    assert code == 0
    assert "openai:scripted: 155 of 155 calls answered, failed: none" in out
    assert "compared with your 2 examples" in out
    assert invoke("verify", tmp_path / "run")[0] == 0


def test_a_dry_run_in_words_and_as_json(invoke, arguments):
    prices = ["--set", "llm.price_input=1", "--set", "llm.price_output=2"]
    code, out, _ = invoke("generate", *arguments, "--dry-run", *prices)
    assert code == 0
    assert "in 155 calls; 0 answered already, 0 failed before, 155 to send" in out
    assert "price: about " in out
    assert "time: about " in out
    code, out, _ = invoke("generate", *arguments, "--dry-run", "--json")
    assert json.loads(out)["llm"]["calls"] == 155


def test_prompts_go_out_and_answers_come_in(invoke, arguments, server, tmp_path):
    """Somebody else makes all calls; generate makes none, and the dataset is the same."""
    settings = ["--set", "llm.judge=true"]
    for round_ in (1, 2):
        prompts, answers = tmp_path / f"prompts-{round_}.jsonl", tmp_path / f"answers-{round_}.jsonl"
        code, out, _ = invoke("export-prompts", *arguments, *settings, "--to", prompts)
        assert code == 0
        assert f"purpose          {('write', 'judge')[round_ - 1]}" in out
        rows = [json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines()]
        text = [
            {"custom_id": row["custom_id"], "text": write_queries(row["body"]["messages"][-1]["content"])}
            for row in rows
        ]
        answers.write_text("".join(json.dumps(row) + "\n" for row in text))
        assert f"taken            {len(rows)}" in invoke("import-responses", tmp_path / "run", answers)[1]
        assert "taken            0" in invoke("import-responses", tmp_path / "run", answers)[1]
    assert "prompts          0" in invoke("export-prompts", *arguments, *settings, "--to", tmp_path / "none")[1]
    assert invoke("generate", *arguments, *settings)[0] == 0
    assert server.calls.total() == 0
    other = [tmp_path / "asked" if part == tmp_path / "run" else part for part in arguments]
    assert invoke("generate", *other, *settings)[0] == 0
    assert (tmp_path / "asked/dataset/queries.jsonl").read_bytes() == (
        tmp_path / "run/dataset/queries.jsonl"
    ).read_bytes()


def test_answers_that_belong_elsewhere_are_refused(invoke, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "a.jsonl").write_text('{"custom_id": "k", "text": "x"}\n')
    code, _, err = invoke("import-responses", tmp_path / "run", tmp_path / "a.jsonl")
    assert code == 3
    assert "expected answers to prompts of this run" in err
    (tmp_path / "a.jsonl").write_text('{"custom_id": "k", "text": "x"}\n{"custom_id"')
    code, _, err = invoke("import-responses", tmp_path / "run", tmp_path / "a.jsonl")
    assert code == 3
    assert "a.jsonl:2: " in err


def test_templates_are_copied_once(invoke, tmp_path):
    code, out, _ = invoke("templates", tmp_path / "mine")
    assert (code, len(out.splitlines())) == (0, 5)
    assert invoke("templates", tmp_path / "mine")[:2] == (code, out)
    (tmp_path / "mine" / "write.jinja").write_text("mine")
    assert invoke("templates", tmp_path / "mine")[0] == 2


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"--base-url": None}, 2, "OPENAI_API_KEY: expected a key"),
        ({"--base-url": "http://127.0.0.1:9/v1"}, 4, "expected a server, found unreachable"),
        ({"--base-url": "http://me:secret-word@host/v1"}, 2, "found one with them"),
        ({"--llm": "gpt-4o"}, 2, "expected local or PROVIDER:MODEL"),
        ({"--max-cost": "1"}, 2, "max_cost needs price_input"),
        ({"--limit": "0"}, 2, "--limit"),
        ({"--set": "llm.kinds={task: 1}"}, 2, "kinds must have one of weight above 0 besides held_out_kind"),
        ({"--set": "llm.api_key=sk-0123456789abcdef"}, 2, "there is no such setting"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_without_traceback(
    invoke, arguments, monkeypatch, tmp_path, change, code, words
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for option, value in change.items():
        if option in arguments and option != "--set":
            place = arguments.index(option)
            arguments[place : place + 2] = [] if value is None else [option, value]
        else:
            arguments += [option, value]
    found, _, err = invoke("generate", *arguments)
    assert found == code, err
    assert words in err
    assert "Traceback" not in err
    assert "secret-word" not in err
    assert "0123456789abcdef" not in err
    assert not (tmp_path / "run" / "dataset").exists()


@pytest.mark.parametrize(("status", "name"), [(401, "unauthorized"), (402, "quota"), (404, "not found")])
def test_a_provider_that_refuses_ends_with_four(invoke, arguments, server, status, name):
    server.script.fatal = (status, "no")
    code, _, err = invoke("generate", *arguments)
    assert code == 4
    assert f"found {name}: " in err
    assert "the same command goes on from there" in err
    assert server.calls.total() == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_keeps_what_was_answered_and_names_the_command_to_go_on(arguments, server, tmp_path):
    server.script.latency_s = 0.1
    command = [
        sys.executable,
        "-m",
        "embedtune",
        "generate",
        *map(str, arguments),
        "--set",
        "llm.concurrency=2",
        "--limit",
        "40",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    deadline = time.monotonic() + 60
    while server.answered.total() < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "stopped; every answer so far is kept" in err
    assert "Hint: to continue: embedtune generate" in err
    assert 10 <= server.answered.total() < 60
    assert not (tmp_path / "run" / "dataset").exists()


def test_the_prompts_are_copied_and_their_names_printed(invoke, tmp_path):
    code, out, _ = invoke("templates", tmp_path / "prompts")
    assert code == 0
    names = {Path(line).name for line in out.splitlines()}
    assert names == {path.name for path in (tmp_path / "prompts").iterdir()}
    assert {"write.jinja", "judge.jinja"} <= names
