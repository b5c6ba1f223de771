from __future__ import annotations

import shutil
import time

import pytest

import embedtune
from embedtune.documents.inventory import Changes
from embedtune.errors import DataError
from embedtune.pipeline.passage_changes import passage_changes
from embedtune.pipeline.status import read_status
from embedtune.project.manifest import stage_folder
from tests.small_runs import train_nothing


@pytest.fixture(scope="module")
def made(document_folder, base_folder, tmp_path_factory):
    """A run whose documents may be changed: its folder and theirs."""
    root = tmp_path_factory.mktemp("status")
    source = shutil.copytree(document_folder, root / "docs")
    embedtune.generate(embedtune.GenerateConfig(source=str(source), model=str(base_folder), per_kind=1), root / "run")
    train_nothing(root / "run", base_folder)
    return root


@pytest.fixture
def run(made, tmp_path):
    """A copy, whose documents are where they were: what a test changes is put back."""
    source, kept = made / "docs", tmp_path / "kept"
    shutil.copytree(source, kept)
    yield made / "run", source
    shutil.rmtree(source)
    shutil.copytree(kept, source)


def states(status):
    return {stage.stage: stage.state for stage in status.stages}


def test_an_unchanged_run_has_only_the_next_stage_to_do(run):
    started = time.perf_counter()
    status = read_status(run[0])
    assert time.perf_counter() - started < 3
    assert (status.documents, status.why_unknown) == (Changes([], [], [], []), "")
    assert states(status) == {"dataset": "whole", "model": "whole", "eval": "absent"}
    assert status.next == f"embedtune eval {run[0]}"
    assert status.decision.evidence == "training"
    assert status.versions == []


def change(source):
    first = sorted(source.iterdir())[0]
    first.write_text(first.read_text() + "\nOne more line.\n")
    return Changes([], [first.name], [], [])


def add(source):
    (source / "new.md").write_text("# New\n\nThe lamp of the new model blinks twice when its tank is empty.\n")
    return Changes(["new.md"], [], [], [])


def remove(source):
    first = sorted(source.iterdir())[0]
    first.unlink()
    return Changes([], [], [first.name], [])


def rename(source):
    first = sorted(source.iterdir())[0]
    first.rename(source / f"moved{first.suffix}")
    return Changes([], [], [], [(first.name, f"moved{first.suffix}")])


@pytest.mark.parametrize("act", [change, add, remove, rename])
def test_what_happened_to_documents_is_seen_and_generate_comes_next(run, act):
    expected = act(run[1])
    status = read_status(run[0])
    assert status.documents == expected
    assert states(status)["dataset"] == "stale"
    assert status.next == f"embedtune generate {run[1]} --out {run[0]}"
    passages = passage_changes(run[0], status)
    assert bool(passages.add) == (act is not remove)
    assert bool(passages.delete) == (act in (remove, rename)) or act is change
    assert passages.kept > 10


def test_unchanged_documents_leave_every_passage(run):
    passages = passage_changes(run[0], read_status(run[0]))
    assert (passages.delete, passages.add) == ([], [])


def test_other_settings_make_the_model_stale(run, base_folder, tmp_path):
    copy = shutil.copytree(run[0], tmp_path / "run")
    config = embedtune.GenerateConfig(source=str(run[1]), model=str(base_folder), per_kind=1, seed=1)
    embedtune.generate(config, copy)
    status = read_status(copy)
    assert states(status) == {"dataset": "whole", "model": "stale", "eval": "absent"}
    assert status.next == f"embedtune train {copy}"


def test_a_changed_evaluation_is_told_and_eval_comes_next(run, tmp_path):
    copy = shutil.copytree(run[0], tmp_path / "run")
    with stage_folder(copy / "eval", {"stage": "eval"}) as stage:
        (stage.path / "metrics.json").write_text("{}")
    (copy / "eval" / "metrics.json").write_text("{ }")
    status = read_status(copy)
    assert states(status) == {"dataset": "whole", "model": "whole", "eval": "changed"}
    assert (status.decision, status.next) == (None, f"embedtune eval {copy} --force")


def test_documents_that_are_elsewhere_are_not_called_gone(run, tmp_path):
    run[1].rename(run[1].with_name("elsewhere"))
    try:
        status = read_status(run[0])
        assert status.documents is None
        assert "is not there" in status.why_unknown
        with pytest.raises(DataError, match="is not there"):
            passage_changes(run[0], status)
    finally:
        run[1].with_name("elsewhere").rename(run[1])


def test_a_run_without_an_inventory_says_so(tmp_path):
    with stage_folder(tmp_path / "dataset", {"stage": "generate", "versions": {"torch": "0.1"}}):
        pass
    status = read_status(tmp_path)
    assert "did not record its files" in status.why_unknown
    assert status.versions[0].startswith("torch 0.1 → ")
    assert status.decision is None


def test_there_must_be_a_run(tmp_path):
    with pytest.raises(DataError, match="expected a run folder"):
        read_status(tmp_path)
