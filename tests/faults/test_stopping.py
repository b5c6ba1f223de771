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
    folder = tmp_path / "run"
    shutil.copytree(stages.finished[TRAIN], folder)
    shutil.rmtree(folder / "model")
    return folder


def start(stages, run, *more):
    command = [part for part in stages.command(TRAIN, run) if part != "--quiet"]
    return subprocess.Popen(
        [*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def wait_for_checkpoint(run):
    deadline = time.monotonic() + 120
    while not list(run.glob(".checkpoints/*/*/step-*.json")):
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_names_the_command_to_go_on(stages, run, number, code):
    process = start(stages, run)
    wait_for_checkpoint(run)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "the step is finished and saved first" in said
    assert f"to go on: embedtune train {run}" in said
    assert "Traceback" not in said
    assert not (run / "model").exists()
    assert [path.name for path in run.glob(".embedtune-*")] == []
    again = start(stages, run)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert "going on after step" in said
    assert compare(stages.finished[TRAIN] / "model", run / "model") == []
    assert not (run / ".checkpoints").exists()


def test_forced_training_that_was_stopped_goes_on_without_force_though_the_old_result_is_whole(stages, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(stages.finished[TRAIN], run)
    before = (run / "model" / "manifest.json").read_bytes()
    process = start(stages, run, "--force")
    wait_for_checkpoint(run)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    (advice,) = [line for line in said.splitlines() if "to go on:" in line]
    assert "--force" not in advice
    assert (run / "model" / "manifest.json").read_bytes() == before
    again = start(stages, run)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert "going on after step" in said
    assert (run / "model" / "manifest.json").read_bytes() != before
    assert compare(stages.finished[TRAIN] / "model", run / "model") == []
    third = start(stages, run)
    _, said = third.communicate(timeout=200)
    assert "nothing it depends on has changed, skipped" in said


def test_a_torn_checkpoint_is_passed_over_with_a_warning(stages, run):
    process = start(stages, run)
    wait_for_checkpoint(run)
    time.sleep(0.5)
    process.kill()
    process.wait()
    newest = sorted(run.glob(".checkpoints/*/*/step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    again = start(stages, run)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert f"{newest.name}: not a whole checkpoint, passed over" in said
    assert compare(stages.finished[TRAIN] / "model", run / "model") == []


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
    code = "import sys, pathlib, embedtune.run_folder as r\nwith r.hold(pathlib.Path(sys.argv[1])): print('held')"
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=False)
    assert done.stdout == "held\n", done.stderr
