import pytest

from embedtune.errors import ResourceError
from embedtune.project.manifest import stage_folder, verify
from embedtune.project.records import Record
from embedtune.project.stage import skip_or_plan
from embedtune.text.hashing import hash_json


class Counts(Record):
    passages: int


IDENTITY = {"stage": "generate", "seed": 0}


def make(folder):
    with stage_folder(folder, IDENTITY) as stage:
        stage.record = Counts(passages=3)
        (stage.path / "corpus.jsonl").write_text("{}\n")


def test_an_unfinished_stage_has_to_work(tmp_path):
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False) is None


def test_a_finished_stage_is_skipped_with_its_facts(tmp_path):
    make(tmp_path / "dataset")
    result = skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False)
    assert (result.status, result.record) == ("skipped", Counts(passages=3))


def test_a_result_prints_as_a_few_lines(tmp_path):
    make(tmp_path / "dataset")
    result = skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False)
    assert repr(result) == f"{tmp_path / 'dataset'}: skipped\npassages=3"
    planned = skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=True)
    assert str(planned).endswith("planned\nwould run: False")


def test_force_and_another_identity_work_again(tmp_path):
    make(tmp_path / "dataset")
    other = {**IDENTITY, "seed": 1}
    assert hash_json(other) != hash_json(IDENTITY)
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=True, dry_run=False) is None
    assert skip_or_plan(tmp_path / "dataset", other, Counts, {}, force=False, dry_run=False) is None


def test_a_dry_run_says_what_would_happen_and_repeats_the_plan(tmp_path):
    make(tmp_path / "dataset")
    for force in (False, True):
        result = skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {"documents": 2}, force=force, dry_run=True)
        assert result.status == "planned"
        assert result.as_json() == {"dry_run": True, "would_run": force, "documents": 2}
        with pytest.raises(ValueError, match="found a dry run"):
            _ = result.record


def test_forced_work_that_is_broken_off_is_taken_up_without_force(tmp_path):
    make(tmp_path / "dataset")
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=True, dry_run=True) is not None
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False).status == "skipped"
    assert (
        skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=True, dry_run=False) is None
    )  # and is killed here
    assert verify(tmp_path / "dataset", Counts).record.passages == 3  # the old result is whole
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=True).as_json() == {
        "dry_run": True,
        "would_run": True,
    }
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False) is None
    make(tmp_path / "dataset")
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False).status == "skipped"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_what_stops_forced_work_before_it_begins_asks_for_nothing(tmp_path):
    make(tmp_path / "dataset")

    def check():
        raise ResourceError("no room")

    with pytest.raises(ResourceError):
        skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=True, dry_run=False, check=check)
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=False, dry_run=False).status == "skipped"


def test_force_on_a_stage_that_never_ran_leaves_no_note(tmp_path):
    assert skip_or_plan(tmp_path / "dataset", IDENTITY, Counts, {}, force=True, dry_run=False) is None
    assert list(tmp_path.iterdir()) == []
