"""A kill for each stage; ``python tests/faults/kill_runs.py`` does a hundred, at moments of all kinds."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.kill_runs import CASES, compare

_SLOW = {"full"}


def _has_begun(run):
    return bool(list(run.glob(".embedtune-*")))


def _has_two_checkpoints(run):
    return len(list(run.glob(".checkpoints/*/*/step-*.json"))) > 1


_WHEN = {"generate": _has_begun, "train": _has_two_checkpoints, "eval": _has_begun}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if case.method in _SLOW else ()) for case in CASES]
)
def test_a_killed_stage_ends_in_the_same_bytes(stages, case):
    hit, differing = stages.kill_once(case, _WHEN[case.stage])
    assert hit
    assert differing == []


def test_the_comparison_sees_a_changed_byte(stages, tmp_path):
    folder = stages.undisturbed(CASES[0]) / "dataset"
    copy = tmp_path / "dataset"
    shutil.copytree(folder, copy)
    assert compare(folder, copy) == []
    (copy / "queries.jsonl").write_bytes((copy / "queries.jsonl").read_bytes()[:-1] + b" ")
    assert compare(folder, copy) == ["queries.jsonl"]
