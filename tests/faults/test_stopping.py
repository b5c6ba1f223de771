"""Ctrl-C and SIGTERM in the middle of a training."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.faults.kill_runs import Case, Fork, compare

TRAIN = Case("train", "lora")


@pytest.fixture
def run(stages, tmp_path):
    stages.ready(TRAIN, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def go_on(stages, invoke):
    """Return a function that gives the command again, in this process, and returns what it says when it ends well."""

    def call(run):
        code, _, said = invoke(*[part for part in stages.command(TRAIN, run)[3:] if part != "--quiet"])
        assert code == 0, said
        return said

    return call


class Training(Fork):
    """A training in a process of its own, and what it says."""

    def __init__(self, stages, run, *more):
        handle, name = tempfile.mkstemp(prefix="said-", dir=run.parent)
        os.close(handle)
        self._said = Path(name)
        super().__init__([*(part for part in stages.command(TRAIN, run) if part != "--quiet"), *more], self._said)

    def end(self, number=None):
        """Send a signal, if any, and wait; return the exit code and what was said."""
        if number is not None:
            os.kill(self.pid, number)
        return self.wait(), self._said.read_text(encoding="utf-8")


def wait_for_checkpoint(run, *, after=0):
    """Wait for one of a step behind ``after``; return its step."""
    deadline = time.monotonic() + 120
    while (newest := newest_step(run)) <= after:
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.02)
    return newest


def newest_step(run):
    return max((int(path.stem[5:]) for path in run.glob(".checkpoints/*/*/step-*.json")), default=0)


def test_signals_finish_the_step_save_and_name_the_command_to_go_on(stages, run, go_on):
    """Stopped by both signals, one after the other, a training ends in the bytes of one that nobody stopped."""
    step = 0
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = Training(stages, run)
        step = wait_for_checkpoint(run, after=step)
        found, said = process.end(number)
        assert found == code, said
        assert "the step is finished and saved first" in said
        assert f"to continue: embedtune train {run}" in said
        assert "Traceback" not in said
        assert not (run / "model").exists()
        assert [path.name for path in run.glob(".embedtune-*")] == []
        step = newest_step(run)
    assert "going on after step" in said
    assert f"going on after step {step}" in go_on(run)
    assert compare(stages.undisturbed(TRAIN) / "model", run / "model") == []
    assert not (run / ".checkpoints").exists()


def test_forced_training_that_was_stopped_goes_on_without_force_though_the_old_result_is_whole(stages, tmp_path, go_on):
    run = tmp_path / "run"
    shutil.copytree(stages.undisturbed(TRAIN), run)
    before = (run / "model" / "manifest.json").read_bytes()
    process = Training(stages, run, "--force")
    wait_for_checkpoint(run)
    code, said = process.end(signal.SIGTERM)
    assert code == 143, said
    (advice,) = [line for line in said.splitlines() if "to continue:" in line]
    assert "--force" not in advice
    assert (run / "model" / "manifest.json").read_bytes() == before
    assert "going on after step" in go_on(run)
    assert (run / "model" / "manifest.json").read_bytes() != before
    assert compare(stages.undisturbed(TRAIN) / "model", run / "model") == []
    assert "nothing it depends on has changed, skipped" in go_on(run)


def test_a_torn_checkpoint_is_passed_over_with_a_warning(stages, run, go_on):
    process = Training(stages, run)
    wait_for_checkpoint(run, after=1)
    process.end(signal.SIGKILL)
    newest = sorted(run.glob(".checkpoints/*/*/step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert f"{newest.name}: not a whole checkpoint, passed over" in go_on(run)
    assert compare(stages.undisturbed(TRAIN) / "model", run / "model") == []


def test_eight_processes_one_works_the_others_name_it(stages, run):
    first = Training(stages, run)
    wait_for_checkpoint(run)
    os.kill(first.pid, signal.SIGSTOP)  # it holds the run however long the others take
    others = [Training(stages, run) for _ in range(7)]
    for other in others:
        code, said = other.end()
        assert code == 6, said
        assert f"found process {first.pid} on" in said
        assert "(embedtune train" in said
    first.end(signal.SIGKILL)
    # The lock of a dead owner is free.
    code = "import sys, pathlib, embedtune.project.lock as r\nwith r.lock_run(pathlib.Path(sys.argv[1])): print('held')"
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=False)
    assert done.stdout == "held\n", done.stderr
