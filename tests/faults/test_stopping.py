"""Ctrl-C and SIGTERM in the middle of a training."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.kill_runs import Case, compare, environment

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


def start(stages, run, *more):
    command = [part for part in stages.command(TRAIN, run) if part != "--quiet"]
    return subprocess.Popen(
        [*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


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
        process = start(stages, run)
        step = wait_for_checkpoint(run, after=step)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
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
    process = start(stages, run, "--force")
    wait_for_checkpoint(run)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    (advice,) = [line for line in said.splitlines() if "to continue:" in line]
    assert "--force" not in advice
    assert (run / "model" / "manifest.json").read_bytes() == before
    assert "going on after step" in go_on(run)
    assert (run / "model" / "manifest.json").read_bytes() != before
    assert compare(stages.undisturbed(TRAIN) / "model", run / "model") == []
    assert "nothing it depends on has changed, skipped" in go_on(run)


def test_a_torn_checkpoint_is_passed_over_with_a_warning(stages, run, go_on):
    process = start(stages, run)
    wait_for_checkpoint(run, after=1)
    process.kill()
    process.communicate()
    newest = sorted(run.glob(".checkpoints/*/*/step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert f"{newest.name}: not a whole checkpoint, passed over" in go_on(run)
    assert compare(stages.undisturbed(TRAIN) / "model", run / "model") == []


def test_eight_processes_one_works_the_others_name_it(stages, run):
    first = start(stages, run)
    wait_for_checkpoint(run)
    started = time.monotonic()
    others = [start(stages, run) for _ in range(7)]
    for other in others:
        _, said = other.communicate(timeout=60)
        assert other.returncode == 6, said
        assert f"found process {first.pid} on" in said
        assert "(embedtune train" in said
    assert time.monotonic() - started < 60
    first.kill()
    first.communicate()
    # The lock of a dead owner is free.
    code = "import sys, pathlib, embedtune.project.lock as r\nwith r.lock_run(pathlib.Path(sys.argv[1])): print('held')"
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=False)
    assert done.stdout == "held\n", done.stderr
