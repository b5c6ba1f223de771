from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from embedtune.errors import DataError, IntegrityError, ResourceError
from embedtune.project.manifest import (
    clear_leftovers,
    find_changes,
    is_done,
    library_versions,
    read_manifest,
    stage_folder,
    verify,
    write_json,
)
from embedtune.project.records import Record
from embedtune.text.hashing import hash_folder, hash_json


class Counts(Record):
    passages: int


IDENTITY = {"stage": "generate", "config": {"seed": 0}}


def make(folder: Path, text: str = "one\n", identity: dict[str, object] | None = None) -> Path:
    with stage_folder(folder, identity or IDENTITY) as temporary:
        temporary.record = Counts(passages=3)
        (temporary.path / "corpus.jsonl").write_text(text)
        (temporary.path / "qrels").mkdir()
        (temporary.path / "qrels" / "test.tsv").write_text("header\n")
    return folder


@pytest.fixture
def stage(tmp_path) -> Path:
    return make(tmp_path / "run" / "dataset")


def test_finished_stage_has_its_files_and_a_manifest(stage):
    assert sorted(hash_folder(stage)) == ["corpus.jsonl", "manifest.json", "qrels/test.tsv"]
    assert [path.name for path in stage.parent.iterdir()] == ["dataset"]


def test_manifest_records_identity_facts_and_outputs(stage):
    manifest = read_manifest(stage, Counts)
    assert manifest.identity.model_dump(exclude_unset=True) == IDENTITY
    assert manifest.identity_hash == hash_json(IDENTITY)
    assert manifest.record == Counts(passages=3)
    assert manifest.outputs == {name: digest for name, digest in hash_folder(stage).items() if name != "manifest.json"}
    assert len(manifest.outputs) == 2
    assert raw(stage)["facts"] == {"passages": 3}


def test_a_record_of_another_form_is_a_data_error(stage):
    class Other(Record):
        queries: int

    with pytest.raises(DataError, match=r"expected a manifest of 'dataset', found facts\.queries: Field required"):
        verify(stage, Other)


def raw(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_stage_appears_only_when_finished(tmp_path):
    folder = tmp_path / "dataset"
    with stage_folder(folder, IDENTITY) as temporary:
        (temporary.path / "corpus.jsonl").write_text("half")
        assert not folder.exists()
        assert temporary.path.parent == folder.parent
    assert (folder / "corpus.jsonl").read_text() == "half"
    assert not temporary.path.exists()


def test_result_is_readable_by_others(stage):
    assert stage.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, DataError])
def test_failure_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(error), stage_folder(tmp_path / "dataset", IDENTITY) as temporary:
        (temporary.path / "corpus.jsonl").write_text("half")
        raise error("no")
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_an_older_result_untouched(stage):
    before = hash_folder(stage)
    with pytest.raises(RuntimeError), stage_folder(stage, {"stage": "other"}) as temporary:
        (temporary.path / "corpus.jsonl").write_text("new")
        raise RuntimeError
    assert hash_folder(stage) == before
    assert is_done(stage, IDENTITY)
    assert [path.name for path in stage.parent.iterdir()] == ["dataset"]


def test_success_replaces_an_older_result_completely(stage):
    with stage_folder(stage, {"stage": "other"}) as temporary:
        (temporary.path / "new.txt").write_text("new")
    assert sorted(hash_folder(stage)) == ["manifest.json", "new.txt"]
    assert [path.name for path in stage.parent.iterdir()] == ["dataset"]


def test_stage_is_done_for_its_identity(stage):
    assert is_done(stage, {"config": {"seed": 0}, "stage": "generate"})


def test_stage_is_not_done_for_another_identity(stage):
    assert not is_done(stage, {"stage": "generate", "config": {"seed": 1}})


def test_stage_is_not_done_after_a_changed_byte(stage):
    (stage / "corpus.jsonl").write_text("One\n")
    assert not is_done(stage, IDENTITY)


def test_stage_is_not_done_with_an_extra_file(stage):
    (stage / "notes.txt").write_text("mine")
    assert not is_done(stage, IDENTITY)


def test_stage_is_not_done_with_a_missing_file(stage):
    (stage / "qrels" / "test.tsv").unlink()
    assert not is_done(stage, IDENTITY)


def test_stage_that_never_ran_is_not_done(tmp_path):
    assert not is_done(tmp_path / "dataset", IDENTITY)


def test_stage_with_a_torn_manifest_is_not_done(stage):
    (stage / "manifest.json").write_text('{"identity_hash": ')
    assert not is_done(stage, IDENTITY)


@pytest.mark.parametrize(("text", "kind"), [("[]", "list"), ("null", "NoneType"), ('"done"', "str")])
def test_stage_whose_manifest_is_no_object_is_not_done(stage, text, kind):
    (stage / "manifest.json").write_text(text)
    assert not is_done(stage, IDENTITY)
    with pytest.raises(DataError, match=rf"manifest\.json: expected a JSON object, found {kind}") as caught:
        verify(stage, Record)
    assert caught.value.hint == "run the stage again with --force"


@pytest.mark.parametrize("outputs", [None, [], "x", 1e308])
def test_outputs_of_another_form_are_a_changed_manifest(stage, outputs):
    manifest = {key: value for key, value in raw(stage).items() if key != "manifest_hash"}
    manifest["outputs"] = outputs
    write_json(stage / "manifest.json", manifest | {"manifest_hash": hash_json(manifest)})
    assert not is_done(stage, IDENTITY)
    with pytest.raises(IntegrityError, match=r"a difference in manifest\.json$"):
        verify(stage, Record)


def test_circumstances_do_not_matter(stage):
    manifest = raw(stage)
    manifest["circumstances"] = {"python": "2.7"}
    del manifest["manifest_hash"]
    write_json(stage / "manifest.json", manifest | {"manifest_hash": hash_json(manifest)})
    assert is_done(stage, IDENTITY)


def test_verify_returns_the_manifest(stage):
    assert verify(stage, Counts) == read_manifest(stage, Counts)


def test_verify_names_changed_added_and_missing_files(stage):
    (stage / "corpus.jsonl").write_text("changed")
    (stage / "extra.txt").write_text("x")
    (stage / "qrels" / "test.tsv").unlink()
    with pytest.raises(IntegrityError, match=r"a difference in corpus\.jsonl, extra\.txt, qrels, qrels/test\.tsv$"):
        verify(stage, Record)


def test_verify_of_a_stage_that_never_ran_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match="expected the manifest of a finished stage, found nothing") as caught:
        verify(tmp_path / "dataset", Record)
    assert caught.value.hint == "run the stage that makes 'dataset' first: generate → train → eval"


@pytest.mark.parametrize("data", [b'{"identity": ', b"\xff\xfe", b"[" * 200_000, b'{"a":' * 200_000])
def test_unreadable_manifest_is_a_data_error(stage, data):
    (stage / "manifest.json").write_bytes(data)
    with pytest.raises(DataError, match=r"manifest\.json: expected a JSON manifest"):
        read_manifest(stage, Record)
    assert not is_done(stage, IDENTITY)


@pytest.mark.parametrize("inside", ["dataset", "deeper/dataset"])
def test_place_below_a_regular_file_is_a_resource_error(tmp_path, inside):
    (tmp_path / "run").write_text("a file, no folder")
    folder = tmp_path / "run" / inside
    with pytest.raises(ResourceError, match="dataset: expected to write there"), stage_folder(folder, IDENTITY):
        pytest.fail("the body must not run")


def test_manifest_below_a_regular_file_was_never_written(tmp_path):
    (tmp_path / "run").write_text("a file, no folder")
    for folder in (tmp_path / "run", tmp_path / "run" / "dataset", tmp_path / "run" / "deeper" / "dataset"):
        assert not is_done(folder, IDENTITY)
        with pytest.raises(DataError, match="expected the manifest of a finished stage, found nothing") as caught:
            read_manifest(folder, Record)
        assert caught.value.hint == f"run the stage that makes {folder.name!r} first: generate → train → eval"


def test_regular_file_in_the_place_of_a_stage_is_a_resource_error_and_stays(tmp_path):
    (tmp_path / "dataset").write_text("mine")
    with (
        pytest.raises(ResourceError, match="dataset: expected a folder or nothing, found a file") as caught,
        stage_folder(tmp_path / "dataset", IDENTITY),
    ):
        pytest.fail("the body must not run")
    assert caught.value.hint == "move it or choose another --out"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]
    assert (tmp_path / "dataset").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_parent_is_a_resource_error(tmp_path):
    (tmp_path / "run").mkdir(mode=0o555)
    with pytest.raises(ResourceError), stage_folder(tmp_path / "run" / "dataset", IDENTITY):
        pytest.fail("the body must not run")


def test_full_disk_while_writing_is_a_resource_error(tmp_path):
    with pytest.raises(ResourceError, match="No space left"), stage_folder(tmp_path / "dataset", IDENTITY):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_resource_error_from_the_work_passes_as_it_is(tmp_path):
    with pytest.raises(ResourceError, match=r"^out of memory$"), stage_folder(tmp_path / "dataset", IDENTITY):
        raise ResourceError("out of memory")


def test_library_versions_name_what_can_change_a_result():
    versions = library_versions()
    assert {"numpy", "torch", "faiss-cpu", "bm25s"} <= versions.keys()
    assert all(version[0].isdigit() for version in versions.values())


def test_json_is_written_for_people(tmp_path):
    write_json(tmp_path / "x.json", {"b": "ü", "a": [1]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert text == '{\n  "b": "ü",\n  "a": [\n    1\n  ]\n}\n'
    assert json.loads(text) == {"b": "ü", "a": [1]}


def _pipe(path):
    os.mkfifo(path)


ODD = {
    "an empty folder": lambda path: path.mkdir(),
    "a link to a folder": lambda path: path.symlink_to("/etc"),
    "a link to a file": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nothing": lambda path: path.symlink_to("gone"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": _pipe,
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_file_is_a_difference_and_is_not_opened(stage, name):
    ODD[name](stage / "odd")
    assert find_changes(stage) == ["odd"]
    with pytest.raises(IntegrityError, match="odd"):
        verify(stage, Record)


def test_a_file_that_became_a_link_to_the_same_bytes_is_a_difference(stage, tmp_path):
    copy = tmp_path / "copy"
    (stage / "corpus.jsonl").rename(copy)
    (stage / "corpus.jsonl").symlink_to(copy)
    assert find_changes(stage) == ["corpus.jsonl"]


@pytest.mark.parametrize("prefix", [".embedtune-old-x", ".embedtune-new-x"])
def test_nothing_behind_a_link_is_touched(tmp_path, prefix):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    (elsewhere / "model").mkdir(parents=True)
    (elsewhere / "letter.txt").write_text("dear")
    (run / prefix).symlink_to(elsewhere)
    (run / f"{prefix}-file").write_text("a file")
    inner = run / f"{prefix}-folder"
    inner.mkdir()
    (inner / "dataset").symlink_to(elsewhere)
    (inner / "unknown").mkdir()
    clear_leftovers(run)
    assert sorted(path.name for path in elsewhere.iterdir()) == ["letter.txt", "model"]
    assert sorted(path.name for path in run.iterdir()) == sorted([prefix, f"{prefix}-file"])


def test_checkpoints_of_a_training_that_ended_are_removed(tmp_path):
    with stage_folder(tmp_path / "model", {"stage": "train"}) as temporary:
        (temporary.path / "weights").write_text("w")
    left = tmp_path / ".checkpoints" / "lora"
    left.mkdir(parents=True)
    ended = (tmp_path / "model" / "manifest.json").stat().st_mtime
    os.utime(left, (ended + 10, ended + 10))  # newer than the model: of a training that goes on
    clear_leftovers(tmp_path)
    assert left.exists()
    os.utime(left, (ended - 10, ended - 10))
    clear_leftovers(tmp_path)
    assert not (tmp_path / ".checkpoints").exists()
