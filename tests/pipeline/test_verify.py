from __future__ import annotations

import json
import os

import pytest

from embedtune.errors import DataError
from embedtune.pipeline.verify import StageState, verify_run
from embedtune.project.manifest import read_manifest, stage_folder
from embedtune.project.records import Record


def make(run, stage, inputs=()):
    identity = {"stage": stage} | {name: read_manifest(run / name, Record).outputs for name in inputs}
    with stage_folder(run / stage, identity) as temporary:
        (temporary.path / "data.txt").write_text(stage)
        (temporary.path / "inner").mkdir()
        (temporary.path / "inner" / "more.txt").write_text("more")


@pytest.fixture
def run(tmp_path):
    make(tmp_path, "dataset")
    make(tmp_path, "model", ["dataset"])
    make(tmp_path, "eval", ["dataset", "model"])
    return tmp_path


def states(run):
    return {state.stage: (state.state, state.files) for state in verify_run(run)}


def test_a_finished_run_is_whole(run):
    assert verify_run(run) == [StageState(stage, "whole", []) for stage in ("dataset", "model", "eval")]


@pytest.mark.parametrize("name", ["data.txt", "inner/more.txt", "manifest.json"])
@pytest.mark.parametrize("stage", ["dataset", "model", "eval"])
def test_any_flipped_byte_is_found(run, stage, name):
    path = run / stage / name
    data = path.read_bytes()
    for position in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        state, files = states(run)[stage]
        assert state == "changed", position
        assert name in files or "manifest.json" in files
    path.write_bytes(data)
    assert states(run)[stage] == ("whole", [])


def test_a_missing_and_a_foreign_file_are_found(run):
    (run / "model" / "data.txt").unlink()
    (run / "model" / "foreign.txt").write_text("")
    assert states(run)["model"] == ("changed", ["data.txt", "foreign.txt"])


def test_a_stage_made_from_older_input_is_stale(run):
    manifest = json.loads((run / "dataset" / "manifest.json").read_text())
    with stage_folder(run / "dataset", manifest["identity"]) as temporary:
        (temporary.path / "data.txt").write_text("new")
    assert states(run) == {"dataset": ("whole", []), "model": ("stale", ["dataset"]), "eval": ("stale", ["dataset"])}


def test_a_run_half_done_has_absent_stages(tmp_path):
    make(tmp_path, "dataset")
    assert [state.state for state in verify_run(tmp_path)] == ["whole", "absent", "absent"]


def test_hard_negatives_are_looked_at_where_there_are_any(run):
    make(run, "hard_negatives", ["dataset"])
    assert states(run)["hard_negatives"] == ("whole", [])
    (run / "hard_negatives" / "data.txt").write_text("other")
    assert states(run)["hard_negatives"] == ("changed", ["data.txt"])


def test_a_folder_without_stages_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected a run folder with dataset/, found no finished stage"):
        verify_run(tmp_path)


def test_files_without_their_manifest_are_no_absent_stage(run):
    (run / "model" / "manifest.json").unlink()
    assert states(run)["model"] == ("changed", ["manifest.json"])
    (run / "eval" / "manifest.json").unlink()
    (run / "eval" / "manifest.json").mkdir()
    assert states(run)["eval"][0] == "changed"


def test_a_training_that_was_repeated_is_told_from_another(run):
    def train_again(seed):
        identity = {"stage": "model", "seed": seed, "dataset": read_manifest(run / "dataset", Record).outputs}
        with stage_folder(run / "model", identity) as temporary:
            (temporary.path / "data.txt").write_text(str(os.urandom(8)))

    train_again(0)
    hashes = [read_manifest(run / name, Record).identity_hash for name in ("dataset", "model")]
    inputs = {name: read_manifest(run / name, Record).outputs for name in ("dataset", "model")}
    with stage_folder(run / "eval", {"stage": "eval", "recorded": hashes, **inputs}):
        pass
    assert verify_run(run)[2] == StageState("eval", "whole", [])
    train_again(0)
    assert verify_run(run)[2] == StageState("eval", "stale", ["model"], same_settings=True)
    train_again(1)
    assert verify_run(run)[2] == StageState("eval", "stale", ["model"])
