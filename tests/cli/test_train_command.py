import shutil

import pytest


@pytest.fixture
def run(small_run, tmp_path):
    shutil.copytree(small_run[0] / "dataset", tmp_path / "run" / "dataset")
    return tmp_path / "run"


def test_dry_run_says_what_would_happen_and_writes_nothing(run, invoke):
    before = sorted(run.rglob("*"))
    code, out, _ = invoke("train", run, "--dry-run")
    assert code == 0 and out.startswith("train would run")
    assert [path for path in sorted(run.rglob("*")) if path not in before and path.is_file()] == []


def test_settings_and_options_are_checked_together(run, invoke):
    code, _, err = invoke("train", run, "--learning-rate", "7", "--set", "epochz=2")
    assert code == 2
    assert "learning" in err and "epochs" in err
