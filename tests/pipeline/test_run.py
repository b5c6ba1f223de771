"""What a recipe does to the notes that ``--force`` leaves; what its stages do, tests/e2e has."""

from __future__ import annotations

import pytest

import embedtune
from embedtune.config.settings import RunConfig
from embedtune.pipeline import run as pipeline
from embedtune.project.manifest import is_done, stage_folder

STAGES = ("dataset", "model", "eval")


@pytest.mark.parametrize(("dry_run", "done"), [(False, False), (True, True)])
def test_forced_recipe_that_is_broken_off_has_asked_for_all_its_stages(dry_run, done, tmp_path, monkeypatch):
    for name in STAGES:
        with stage_folder(tmp_path / name, {"stage": name}):
            pass

    def generate(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "before_run", lambda config: None)
    monkeypatch.setattr(pipeline, "generate", generate)
    config = RunConfig.model_validate({"out": str(tmp_path), "generate": {"source": "python-reference"}})
    with pytest.raises(KeyboardInterrupt):
        embedtune.run(config, force=True, dry_run=dry_run)
    assert {is_done(tmp_path / name, {"stage": name}) for name in STAGES} == {done}
