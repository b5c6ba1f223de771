from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from embedtune.errors import DataError, InUseError, ResourceError
from embedtune.project.lock import lock_run

HOLD = "import sys, pathlib, embedtune.project.lock as r\nwith r.lock_run(pathlib.Path(sys.argv[1])): {}"


def elsewhere(run, then="print('held')"):
    return subprocess.run(
        [sys.executable, "-c", HOLD.format(then), str(run)], capture_output=True, text=True, check=False
    )


def test_a_held_run_folder_is_closed_to_other_processes_and_names_the_owner(tmp_path):
    with lock_run(tmp_path / "run"):
        owner = json.loads((tmp_path / "run" / ".lock-owner.json").read_text())
        assert owner["pid"] == os.getpid()
        done = elsewhere(tmp_path / "run")
        assert done.returncode == 1
        assert (
            f"InUseError: {tmp_path / 'run'}: expected a run folder that nobody works in, found process {os.getpid()} on"
            in done.stderr
        )
    assert elsewhere(tmp_path / "run").stdout == "held\n"
    assert not (tmp_path / "run" / ".lock-owner.json").exists()


def test_a_process_may_hold_it_twice_and_lets_go_with_the_outermost(tmp_path):
    with lock_run(tmp_path):
        with lock_run(tmp_path):
            pass
        assert elsewhere(tmp_path).returncode == 1
    assert elsewhere(tmp_path).returncode == 0


def test_a_dead_owner_holds_nothing(tmp_path):
    assert elsewhere(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)").returncode == -9
    assert (tmp_path / ".lock-owner.json").exists()
    with lock_run(tmp_path):
        pass


def test_an_owner_without_a_name_is_another_process(tmp_path):
    with lock_run(tmp_path):
        (tmp_path / ".lock-owner.json").write_text("{")
        assert "found another process there" in elsewhere(tmp_path).stderr


def test_leftovers_of_a_killed_process_go_and_a_result_moved_aside_comes_back(tmp_path):
    (tmp_path / ".embedtune-new-model-abc").mkdir()
    (tmp_path / ".embedtune-old-x" / "dataset").mkdir(parents=True)
    (tmp_path / ".embedtune-old-x" / "dataset" / "corpus.jsonl").write_text("old")
    (tmp_path / ".embedtune-old-y" / "model").mkdir(parents=True)
    (tmp_path / "model").mkdir()
    with lock_run(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "dataset", "model"]
    assert (tmp_path / "dataset" / "corpus.jsonl").read_text() == "old"


def test_an_idle_holder_touches_nothing(tmp_path):
    with lock_run(tmp_path / "run", idle=True):
        pass
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(ResourceError, match="run: expected a folder that can be written"), lock_run(tmp_path / "run"):
        pass


def test_the_error_has_its_own_exit_code():
    assert InUseError("x").exit_code == 6


def test_a_folder_made_for_work_that_could_not_begin_goes_again(tmp_path):
    with pytest.raises(RuntimeError), lock_run(tmp_path / "run"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old").mkdir()
    with lock_run(tmp_path / "old"):
        pass
    assert (tmp_path / "old").is_dir()


def test_a_run_folder_that_is_moved_away_is_named(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(ResourceError, match="found that it is gone"), lock_run(run):
        run.rename(tmp_path / "moved")
        run.write_text("a file now")
        raise DataError("what is not found there")
    assert run.read_text() == "a file now"
