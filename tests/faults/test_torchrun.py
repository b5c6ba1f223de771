"""``torchrun -m embedtune train``: what it writes, and one process killed in the middle."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from embedtune.project.manifest import read_manifest
from embedtune.project.records import ModelRecord
from tests.small_runs import make_dataset

SETTINGS = ["dropout=0", "batch_size=8", "max_pairs=160", "max_dev_windows=200", "checkpoint_seconds=0", "epochs=2",
            "precision=fp32", "quantize=none", "query_epochs=1", "method=lora"]  # fmt: skip
ARGUMENTS = ["-m", "embedtune", "train", "run", *(part for setting in SETTINGS for part in ("--set", setting))]


@pytest.fixture
def folder(document_folder, tmp_path):
    make_dataset(tmp_path / "new", document_folder, tmp_path, split={"train": 0.6, "dev": 0.2, "test": 0.2})
    for place in ("one", "two"):
        shutil.copytree(tmp_path / "new", tmp_path / place / "run")
    return tmp_path


def start(folder, processes):
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, *launcher, *ARGUMENTS],
            cwd=folder,
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )


@pytest.mark.slow
def test_a_killed_process_ends_the_other_and_the_next_run_goes_on_to_what_one_process_makes(folder):
    assert start(folder / "one", 1).wait() == 0

    launcher, run = start(folder / "two", 2), folder / "two" / "run"
    while not [*run.glob(".checkpoints/lora/*/step-00000005.json")]:
        assert launcher.poll() is None, (folder / "two" / "said").read_text()
        time.sleep(0.05)
    workers = psutil.Process(launcher.pid).children()
    os.kill(workers[1].pid, signal.SIGKILL)
    killed = time.monotonic()
    assert launcher.wait() == 1
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    assert time.monotonic() - killed < 30
    assert not (run / "model").exists()

    assert start(folder / "two", 2).wait() == 0
    assert "going on after step" in (folder / "two" / "said").read_text()
    assert not [*run.glob(".embedtune-*"), *run.glob(".checkpoints")]
    made = [read_manifest(folder / place / "run" / "model", ModelRecord) for place in ("one", "two")]
    assert made[0].identity_hash == made[1].identity_hash
    assert made[0].record.dev == made[1].record.dev
    merged = [folder / place / "run" / "model" / "merged" for place in ("one", "two")]
    files = sorted(path.relative_to(merged[0]) for path in merged[0].rglob("*.safetensors"))
    assert len(files) == 2  # queries were trained further: two encoders
    for file in files:
        one, two = (load_file(of / file) for of in merged)
        assert all(np.allclose(one[name], two[name], atol=1e-4) for name in one)
    said = (folder / "two" / "said").read_text()
    assert said.count("next: embedtune eval run") == 1  # one process speaks
