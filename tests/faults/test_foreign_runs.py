from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.foreign_runs import WAYS, executed


@pytest.mark.parametrize("method", ["hybrid-vector", pytest.param("lora", marks=pytest.mark.slow)])
def test_no_door_runs_code_of_a_foreign_run(
    served_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("CANARY", "")  # put back afterwards
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    tried, ran = executed(served_run(method), tmp_path)
    assert not ran
    assert tried >= 13 * len(WAYS)
