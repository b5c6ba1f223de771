from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from embedtune.errors import DataError
from embedtune.ui.side_by_side import Setting, differing_settings, side_by_side


def test_a_run_against_itself_has_no_difference(run):
    found = side_by_side(run, run)
    assert found.settings == found.gained == found.lost == []
    assert found.n_queries > 10
    assert {row.difference for row in found.systems} == {0.0}
    assert {"bm25:1", "tuned:1", "rerank_tuned:1"} <= {row.system for row in found.systems}


def test_systems_are_paired_by_query_and_what_moved_is_named(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other, ignore=shutil.ignore_patterns(".vectors"))
    manifest = other / "model" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["identity"]["config"]["epochs"] = 7
    manifest.write_text(json.dumps(content))
    assert differing_settings(run, other) == [Setting("train.epochs", "1", "7")]
    base = side_by_side(run, run).systems
    (tuned,) = [row for row in base if row.system == "tuned:1"]
    assert tuned.mean == pytest.approx(tuned.reference_mean)
    assert np.isfinite(tuned.p)


def test_another_corpus_and_a_run_without_an_evaluation_are_refused(run, small_run, tmp_path):
    with pytest.raises(DataError, match="expected the corpus of"):
        side_by_side(run, small_run[0])
    shutil.copytree(run, tmp_path / "bare", ignore=shutil.ignore_patterns(".vectors", "eval"))
    with pytest.raises(DataError, match="expected an evaluation"):
        side_by_side(run, tmp_path / "bare")
