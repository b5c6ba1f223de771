"""A disk that is full in the middle of a stage."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.faults.kill_runs import CASES, FOLDERS, compare


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of a given size; needs root."""
    mounted = []

    def mount(size):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting a small file system needs root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=False)


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if case.stage == "train" else (), id=str(case)) for case in CASES],
)
def test_a_full_disk_ends_the_stage_and_leaves_nothing_torn(stages, small_disk, case):
    folder = FOLDERS[case.stage]
    finished = stages.undisturbed(case)
    inputs = [name for name in ("dataset", "model", "eval") if (finished / name).exists() and name != folder]
    if case.stage == "generate":
        inputs = []
    room = sum(path.stat().st_size for name in inputs for path in (finished / name).rglob("*") if path.is_file())
    output = sum(path.stat().st_size for path in (finished / folder).rglob("*") if path.is_file())
    run = small_disk(room + 16 * 4096 + output // 2) / "run"
    for name in inputs:
        shutil.copytree(finished / name, run / name)
    process = stages.start(case, run)
    assert process.wait() == 5, (stages.scratch / "stderr").read_text()[-2000:]
    said = (stages.scratch / "stderr").read_text()
    assert "Traceback" not in said
    assert "No space left on device" in said or "free" in said
    assert not (run / folder).exists()
    assert list(run.glob(".embedtune-*")) == []
    assert all(compare(finished / name, run / name) == [] for name in inputs)
