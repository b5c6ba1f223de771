"""Killing the server, and then the work, in the middle of a training: what comes out is what an undisturbed run gives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import urlencode

import pytest

from embedtune.events import EVENTS, StepTrained, read_events
from embedtune.text.hashing import hash_folder
from embedtune.ui.jobs import find_job, last_job
from tests.faults.kill_runs import environment, make_model
from tests.ui.conftest import serving
from tests.ui.test_guard import ask

FORM = {
    "generate.source": "documents", "generate.model": "base/model", "generate.window_tokens": "48", "train.batch_size": "8",
    "train.max_pairs": "160", "train.checkpoint_seconds": "0", "train.epochs": "2", "train.max_dev_windows": "200",
    "train.temperature": "0.05", "train.quantize": "none", "out": "runs/mine", "action": "start",
}  # fmt: skip


def post(served, path, **values):
    return ask(served, path, "POST", urlencode(values), {"Origin": served.base}, cookie=True)


def steps(run):
    return [event.step for event in read_events(run / EVENTS)[0] if isinstance(event, StepTrained)]


def wait_until(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_what_a_killed_server_and_a_killed_training_leave_goes_on_to_the_same_bytes(
    document_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    make_model(tmp_path / "base")
    (tmp_path / "documents").symlink_to(document_folder)
    run, whole = tmp_path / "runs" / "mine", tmp_path / "runs" / "whole"
    with serving(tmp_path) as served:
        assert post(served, "/new", **FORM)[0] == 400  # a link out of the folder
        (tmp_path / "documents").unlink()
        document_folder.rename(tmp_path / "documents")
        try:
            status, headers, _ = post(served, "/new", **FORM)
            assert (status, headers["location"]) == (303, "/watch?run=runs%2Fmine")
            wait_until(lambda: len(steps(run)) >= 3)
            served.process.send_signal(signal.SIGKILL)
            served.process.wait()
            job = find_job(run)
            assert job is not None and job.what == "run"
            with serving(tmp_path) as again:
                assert "Working" in ask(again, "/watch?run=runs/mine")[2]
                assert post(again, "/start", run="runs/mine")[0] == 409  # somebody works there
                os.kill(job.pid, signal.SIGKILL)
                wait_until(lambda: find_job(run) is None)
                done = max(steps(run))
                assert "Go on" in ask(again, "/watch?run=runs/mine")[2]
                assert post(again, "/start", run="runs/mine")[0] == 303
                wait_until((run / "model" / "manifest.json").exists)
                assert last_job(run).pid != job.pid
                assert steps(run)[-1] > done
                assert post(again, "/cancel", run="runs/mine")[0] == 303  # the evaluation is not what is compared
                wait_until(lambda: find_job(run) is None)
                assert "Stopped" in ask(again, "/watch?run=runs/mine")[2]
        finally:
            (tmp_path / "documents").rename(document_folder)
    shutil.copytree(run / "dataset", whole / "dataset")
    command = [sys.executable, "-m", "embedtune", "train", str(whole), "--config", str(run / "recipe.yaml")]
    subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True)
    assert content(run / "model") == content(whole / "model")


def content(folder):
    """Return the hashes of a stage's files, and its manifest without the circumstances."""
    hashes = hash_folder(folder)
    del hashes["manifest.json"]
    manifest = json.loads((folder / "manifest.json").read_text())
    return hashes, {key: manifest[key] for key in ("identity", "facts", "outputs")}
