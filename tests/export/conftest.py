from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def measured(served_run):
    """Return a run with prompts that is evaluated."""
    return served_run("lora", prompts=True, evaluated=True)


@pytest.fixture(scope="session")
def tower(measured):
    """Return the encoder of that run."""
    from embedtune.export.towers import towers_of
    from embedtune.models.encoder import load_model

    return towers_of(load_model(measured / "model" / "merged", device="cpu"))[0]


@pytest.fixture
def outdated(measured, tmp_path):
    """Return a copy whose model has changed since it was written."""
    run = shutil.copytree(measured, tmp_path / "run")
    path = run / "model" / "merged" / "modules.json"
    path.write_bytes(path.read_bytes() + b" ")
    return run
