"""``embedtune eval`` as a user types it, on a small run."""

from __future__ import annotations

import json
import shutil

import pytest

from embedtune.project.manifest import read_manifest
from embedtune.project.records import Record
from tests.small_runs import train_nothing


@pytest.fixture
def run(small_run, tmp_path):
    shutil.copytree(small_run[0], tmp_path / "run")
    return tmp_path / "run"


def test_systems_verdict_differences_and_slices_fit_on_a_screen(evaluate, run):
    code, stdout, _ = evaluate(run)
    assert code == 0
    lines = stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines[:-1])) <= 100
    decision = json.loads((run / "eval" / "metrics.json").read_text())["verdict"]["decision"]
    starts = [
        next(number for number, line in enumerate(lines) if line.startswith(words))
        for words in (" bm25", " rrf_tuned", decision, "points (95 %", "tuned − base", "gain in points of ndcg@10")
    ]
    assert starts == sorted(starts)
    assert lines[-2] == str(run / "eval" / "report.html")
    assert lines[-1].startswith(f"next: embedtune ui {run}")


def test_a_run_without_a_model_is_told_whether_tuning_is_worth_a_try(evaluate, run):
    shutil.rmtree(run / "model")
    code, stdout, _ = evaluate(run)
    assert code == 0
    metrics = json.loads((run / "eval" / "metrics.json").read_text())
    assert {"bm25", "base", "hybrid_base", "rrf_base", "rerank_base"} == metrics["systems"].keys()
    assert "Nothing has been trained yet" in " ".join(stdout.split())
    assert stdout.splitlines()[-1] == f"next: embedtune train {run}"
    assert not (run / "eval" / "model-card.md").exists()
    assert "skipped" in evaluate(run)[2]


def test_a_bound_that_is_not_met_is_exit_100_after_everything_was_written(evaluate, run):
    code, stdout, stderr = evaluate(run, "--fail-under", "ndcg@10=1", "--json")
    assert code == 100
    document = json.loads(stdout)
    assert "expected ndcg@10 of at least 1" in stderr
    assert json.loads((run / "eval" / "metrics.json").read_text())["verdict"] == document["verdict"]
    identity = read_manifest(run / "eval", Record).identity_hash

    code, again, stderr = evaluate(run, "--fail-under", "ndcg@10=1", "--json")
    assert code == 100
    assert "skipped" in stderr
    assert again == stdout

    code, _, stderr = evaluate(run, "--fail-under", "ndcg@10=0.001")
    assert code == 0
    assert "skipped" in stderr
    assert read_manifest(run / "eval", Record).identity_hash == identity


def test_a_bound_that_cannot_be_meant_is_exit_2_before_any_work(evaluate, run):
    code, stdout, stderr = evaluate(run, "--fail-under", "hitrate@5=0.9")
    assert (code, stdout) == (2, "")
    assert "did you mean 'hit_rate@5'" in stderr
    assert not (run / "eval").exists()


def test_a_dry_run_is_held_against_nothing(evaluate, run):
    code, stdout, _ = evaluate(run, "--fail-under", "ndcg@10=1", "--dry-run")
    assert code == 0
    assert "would run" in stdout


def test_an_index_is_a_row_with_what_it_finds_and_weighs(evaluate, run):
    code, stdout, _ = evaluate(run, "--index", "HNSW8", "--set", "rerank=0")
    assert code == 0
    assert "approximate index" in stdout
    (index,) = json.loads((run / "eval" / "metrics.json").read_text())["indexes"]
    assert index["system"] == "tuned:hnsw8"
    assert index["recall_at_10"] >= 0.99
    assert "tuned:hnsw8" in (run / "eval" / "report.md").read_text().split("| approximate index |")[1]
    assert "Table of approximate indexes" in (run / "eval" / "report.html").read_text()
    code, stdout, stderr = evaluate(run, "--index", "ivf4096,pq16")
    assert (code, stdout) == (2, "")
    assert "expected 159,744 vectors to train ivf4096,pq16" in stderr


def test_the_seed_is_part_of_the_result(evaluate, run):
    assert evaluate(run)[0] == 0
    assert "would run" in evaluate(run, "--seed", "1", "--dry-run")[1]
    assert "would be skipped" in evaluate(run, "--seed", "0", "--dry-run")[1]


def test_a_model_that_is_its_base_is_not_shipped(evaluate, run, small_run):
    train_nothing(run, small_run[1])
    document = json.loads(evaluate(run, "--json")[1])
    assert document["verdict"]["decision"] in ("do_not_ship", "use_fusion")
    assert {row["delta"] for row in document["comparisons"] if (row["a"], row["b"]) == ("tuned", "base")} == {0.0}


def test_where_the_base_was_shipped_the_verdict_says_so(evaluate, run, small_run):
    train_nothing(run, small_run[1], shipped="base")
    code, stdout, _ = evaluate(run, "--fail-if-worse")
    assert code == 0
    assert "fell back to the base" in " ".join(stdout.split())
    assert "tuned − base" not in stdout
