"""A kill for each stage; ``python tests/faults/kill_runs.py`` does a hundred."""

from __future__ import annotations

import pytest

from tests.faults.kill_runs import CASES, compare

_SLOW = {"full"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if case.method in _SLOW else ()) for case in CASES]
)
def test_a_killed_stage_ends_in_the_same_bytes(stages, case):
    hit, differing = stages.kill_once(case, 0.7 * stages.seconds[case])
    assert hit
    assert differing == []


def test_the_comparison_sees_a_changed_byte(stages, tmp_path):
    folder = stages.finished[CASES[0]] / "dataset"
    copy = tmp_path / "dataset"
    copy.mkdir()
    for path in folder.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(folder)).parent.mkdir(exist_ok=True)
            (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    assert compare(folder, copy) == []
    (copy / "queries.jsonl").write_bytes((copy / "queries.jsonl").read_bytes()[:-1] + b" ")
    assert compare(folder, copy) == ["queries.jsonl"]
