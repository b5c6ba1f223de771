from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from embedtune.documents.readers import READERS, ReaderEntry, read
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.sandbox import Sandbox
from embedtune.types import Document, Skipped

HOSTILE = """
import os, sys, time
from embedtune.types import Document

def read(path, name, limits):
    deed = path.read_text()
    if deed == "sleep":
        time.sleep(60)
    while deed == "spin":
        pass
    if deed == "eat":
        os.environ["eaten"] = str(len(bytearray(4_000_000_000)))
    if deed == "die":
        os._exit(3)
    if deed == "abort":
        os.abort()
    if deed == "print":
        print("noise"), sys.stdout.flush(), os.write(1, b"more noise")
    if deed == "recurse":
        return read_deep(0)
    if deed == "leave":
        sys.exit("gone")
    return Document(name, "", f"{deed} in {os.getpid()}")

def read_deep(depth):
    return read_deep(depth + 1)
"""


@pytest.fixture
def hostile(tmp_path, monkeypatch) -> Path:
    """Register a reader that does what the file says; return the folder."""
    (tmp_path / "hostile_reader.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(READERS, ".deed", ReaderEntry("hostile_reader:read"))
    for deed in ("sleep", "spin", "eat", "die", "abort", "print", "recurse", "leave", "calm"):
        (tmp_path / f"{deed}.deed").write_text(deed)
    return tmp_path


@pytest.fixture
def sandbox():
    with Sandbox(ReadingLimits(timeout_s=5, memory_mb=512)) as sandbox:
        yield sandbox


def pid(found: Document | Skipped) -> str:
    assert isinstance(found, Document)
    return found.text.rpartition(" ")[2]


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("die", "the parser died (exit code 3); the file is broken or needs too much memory"),
        ("leave", "the parser died (exit code 1); the file is broken or needs too much memory"),
        ("recurse", "nested too deeply"),
    ],
)
def test_bad_file_costs_one_row(deed, reason, hostile, sandbox):
    assert sandbox.read(hostile / f"{deed}.deed", "a") == Skipped("a", reason)
    assert sandbox.read(hostile / "calm.deed", "b").text.startswith("calm")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_crash_of_the_parser_is_named(hostile, sandbox):
    assert sandbox.read(hostile / "abort.deed", "a").reason.startswith("the parser died (signal 6)")


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is bounded on Linux alone")
def test_memory_is_bounded(hostile, sandbox):
    assert sandbox.read(hostile / "eat.deed", "a") == Skipped("a", "it needed more memory than 512 MB")
    assert sandbox.read(hostile / "calm.deed", "b").text.startswith("calm")


def test_time_is_bounded(hostile):
    started = time.monotonic()
    with Sandbox(ReadingLimits(timeout_s=2)) as sandbox:
        for deed in ("spin", "sleep"):
            assert sandbox.read(hostile / f"{deed}.deed", "a") == Skipped("a", "it took longer than 2 s")
            assert sandbox.read(hostile / "calm.deed", "b").text.startswith("calm")
    assert time.monotonic() - started < 40


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no processor time of a child here")
def test_the_processor_is_what_is_bounded_not_the_clock(hostile):
    """A process that is stopped for a while stands for one that others leave no time."""
    with Sandbox(ReadingLimits(timeout_s=2)) as sandbox:
        sandbox.read(hostile / "calm.deed", "a")
        child = sandbox._child
        os.kill(child.pid, signal.SIGSTOP)
        timer = threading.Timer(3, os.kill, [child.pid, signal.SIGCONT])
        timer.start()
        assert sandbox.read(hostile / "calm.deed", "b").text.startswith("calm")
        assert sandbox._child is child


def test_what_a_parser_prints_does_no_harm(hostile, sandbox):
    assert sandbox.read(hostile / "print.deed", "a").text.startswith("print")


def test_child_is_kept_while_it_behaves_and_replaced_when_it_dies(hostile, sandbox):
    first = pid(sandbox.read(hostile / "calm.deed", "a"))
    assert pid(sandbox.read(hostile / "calm.deed", "b")) == first
    sandbox.read(hostile / "die.deed", "c")
    assert pid(sandbox.read(hostile / "calm.deed", "d")) != first


def test_child_that_was_killed_between_two_files_is_not_held_against_the_second(hostile, sandbox):
    sandbox.read(hostile / "calm.deed", "a")
    sandbox._child.kill()
    sandbox._child.wait()
    assert sandbox.read(hostile / "calm.deed", "b").text.startswith("calm")


def test_child_is_replaced_after_many_files(hostile, sandbox, monkeypatch):
    monkeypatch.setattr("embedtune.documents.sandbox._FILES_PER_CHILD", 3)
    children = [pid(sandbox.read(hostile / "calm.deed", "a")) for _ in range(7)]
    assert [children.count(child) for child in dict.fromkeys(children)] == [3, 3, 1]


def test_child_ends_with_the_sandbox(hostile):
    with Sandbox(ReadingLimits()) as sandbox:
        sandbox.read(hostile / "calm.deed", "a")
        child = sandbox._child
    assert child.returncode is not None


def test_plain_text_is_read_in_the_child_too(tmp_path, sandbox):
    (tmp_path / "a.txt").write_text("Fill it.")
    assert sandbox.read(tmp_path / "a.txt", "a").text == "Fill it."
    assert sandbox._child is not None
    assert sandbox.read(tmp_path / "a.mp4", "b") == Skipped("b", "no reader for .mp4")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.md", "# Käse\n\nFill *it*.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
        ("a.html", "<title>T</title><h2>A</h2><p>日本語</p>"),
        ("a.json", '{"a": [{"b": "\\ud83d\\ude00"}]}'),
        ("a.csv", "a,b\n1,2\n"),
        ("a.json", "["),
        ("naïve \udcff.md", "Fill it."),
    ],
)
def test_child_reads_what_this_process_would(name, data, tmp_path, sandbox):
    path = tmp_path / name
    path.write_text(data)
    assert sandbox.read(path, "a") == read(path, "a", ReadingLimits(timeout_s=5, memory_mb=512))


def test_child_answers_line_by_line_and_ends_with_its_input(tmp_path):
    (tmp_path / "a.md").write_text("# Care\n\nFill it.")
    request = {"function": "embedtune.documents.readers.markdown:read_markdown", "name": "a.md"}
    request |= {"path": bytes(tmp_path / "a.md").hex(), "seconds": 60}
    missing = {**request, "path": bytes(tmp_path / "b.md").hex()}
    done = subprocess.run(
        [sys.executable, "-m", "embedtune.documents.sandbox", json.dumps(asdict(ReadingLimits()))],
        input="".join(json.dumps(asked) + "\n" for asked in (request, missing)),
        capture_output=True,
        text=True,
        check=True,
    )
    ready, *answers = done.stdout.splitlines()
    first, second = map(json.loads, answers)
    assert ready == ""
    _, _, text, sections, pages, *_ = first["document"]
    assert (text, sections, pages) == ("Care\n\nFill it.", [[["Care"], 6, 14]], [])
    assert second == {"skipped": ["a.md", "No such file or directory"]}
    assert done.stderr == ""


def test_a_small_file_gets_less_time_than_a_large_one_and_is_named_while_it_is_slow(hostile, monkeypatch):
    monkeypatch.setattr("embedtune.documents.sandbox._LEAST_S", 2.0)
    monkeypatch.setattr("embedtune.documents.sandbox._SLOW_S", 0.5)
    said = []
    monkeypatch.setattr("embedtune.documents.sandbox._log.info", lambda text, *values: said.append(text % values))
    (hostile / "large.deed").write_bytes(b"calm" + b" " * 5_000_000)
    started = time.monotonic()
    with Sandbox(ReadingLimits(timeout_s=60)) as sandbox:
        assert sandbox._seconds(hostile / "large.deed") == 60
        assert sandbox.read(hostile / "sleep.deed", "sleep") == Skipped("sleep", "it took longer than 2 s")
    assert time.monotonic() - started < 40
    assert said == ["sleep: still being read after 0.5 s, at most 2"]
