"""``embedtune eval`` with several runs, models and query sets."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from embedtune.formats import beir
from embedtune.types import Query
from tests.small_runs import train_nothing


@pytest.fixture(scope="module")
def runs(small_run, tmp_path_factory):
    """Three seeds of one recipe."""
    place = tmp_path_factory.mktemp("seeds")
    for seed in range(3):
        shutil.copytree(small_run[0] / "dataset", place / f"s{seed}" / "dataset")
        train_nothing(place / f"s{seed}", small_run[1], noise=0.02, seed=seed)
    return [place / f"s{seed}" for seed in range(3)]


def write_queries(folder, documents):
    """Write a BEIR folder with a query for each document."""
    folder.mkdir(parents=True)
    queries = [Query(f"own-{number}", document.text[20:80], "source") for number, document in enumerate(documents)]
    beir.write_queries(folder, queries)
    judged = {q.query_id: {d.document_id: 1} for q, d in zip(queries, documents, strict=True)}
    beir.write_qrels(folder, "test", judged)
    return folder


def scores(run, system, measure="ndcg@10"):
    with (run / "eval" / "per_query.tsv").open(encoding="utf-8") as file:
        return np.array(
            [float(row[measure]) for row in csv.DictReader(file, delimiter="\t") if row["system"] == system]
        )


def test_seeds_of_one_recipe_are_averaged_query_by_query_before_they_are_judged(evaluate, runs):
    code, stdout, _ = evaluate(*runs)
    assert code == 0
    assert "3 seeds (mean ± standard deviation): ndcg@10 " in stdout
    metrics = json.loads((runs[0] / "eval" / "metrics.json").read_text())
    assert list(metrics["systems"])[-2:] == ["tuned:s1", "tuned:s2"]
    assert (runs[0] / "eval" / "tuned_s1.run.trec").is_file()
    names = ["tuned", "tuned:s1", "tuned:s2"]
    means = [metrics["systems"][name]["ndcg@10"] for name in names]
    seeds = metrics["seeds"]
    assert seeds["systems"] == names
    assert seeds["means"]["ndcg@10"] == pytest.approx(np.mean(means), abs=1e-6)
    assert seeds["deviations"]["ndcg@10"] == pytest.approx(np.std(means, ddof=1), abs=2e-6)
    row = next(row for row in seeds["comparisons"] if row["measure"] == "ndcg@10")
    averaged = np.mean([scores(runs[0], name) for name in names], axis=0)
    base = scores(runs[0], "base")
    assert row["delta"] == pytest.approx((averaged - base).mean(), abs=1e-5)
    assert row["n_changed"] <= len(base)


def test_an_added_model_stands_behind_the_runs_own_and_its_base_is_no_gain(evaluate, runs, small_run):
    base = small_run[1]
    code, stdout, _ = evaluate(runs[0], "--model", base, "--json")
    assert code == 0
    document = json.loads(stdout)
    assert list(document["systems"])[-1] == base.name == "model"
    assert document["systems"]["model"] == document["systems"]["base"]
    rows = {(row["a"], row["b"]): row for row in document["comparisons"] if row["measure"] == "ndcg@10"}
    assert (rows["model", "base"]["delta"], rows["model", "base"]["n_changed"], rows["model", "base"]["p_value"]) == (
        0,
        0,
        1,
    )
    assert rows["tuned", "model"]["delta"] == rows["tuned", "base"]["delta"]
    assert "seeds" not in document
    _, table, stderr = evaluate(runs[0], "--model", base)
    assert "skipped" in stderr
    assert "\nmodel − base " in table


def test_each_query_set_has_a_folder_and_a_table(evaluate, runs, documents, tmp_path):
    sets = [write_queries(tmp_path / name, documents[:number]) for name, number in (("all", 26), ("few", 5))]
    code, stdout, _ = evaluate(runs[1], "--queries", sets[0], "--queries", sets[1])
    assert code == 0
    assert stdout.count("points (95 % interval)") == 2
    metrics = json.loads((runs[1] / "eval" / "metrics.json").read_text())
    assert list(metrics["sets"]) == ["all", "few"]
    for name, number in (("all", 26), ("few", 5)):
        block = json.loads((runs[1] / "eval" / name / "metrics.json").read_text())
        assert block == metrics["sets"][name]
        assert (block["n_queries"], block["queries"]) == (number, name)
        assert (runs[1] / "eval" / name / "tuned.run.trec").is_file()
        assert f'href="{name}/report.html"' in (runs[1] / "eval" / "report.html").read_text()
        assert json.loads((runs[1] / "eval" / name / "report.json").read_text())["metrics"] == block
    assert not (runs[1] / "eval" / "tuned.run.trec").exists()

    alone = evaluate(runs[2], "--queries", sets[0], "--json")[1]
    both = evaluate(runs[2], "--queries", sets[0], "--queries", sets[1], "--fail-under", "ndcg@10=1", "--json")
    assert both[0] == 100
    assert both[2].count("of at least 1") == 2
    assert json.loads(both[1])["sets"]["all"]["comparisons"] == json.loads(alone)["comparisons"]


def test_what_cannot_stand_in_one_table_is_refused(evaluate, runs, small_run, documents, tmp_path):
    base = small_run[1]
    code, _, stderr = evaluate(runs[0], "--model", base, "--model", shutil.copytree(base, tmp_path / "x" / "model"))
    assert (code, "a name of its own" in stderr) == (2, True)
    code, _, stderr = evaluate(runs[0], "--model", tmp_path / "x")
    assert code == 2
    twice = [write_queries(tmp_path / place / "mine", documents[:3]) for place in "ab"]
    code, _, stderr = evaluate(runs[0], "--queries", twice[0], "--queries", twice[1])
    assert (code, "names of their own" in stderr) == (2, True)
    code, _, stderr = evaluate(runs[0], tmp_path / "x")
    assert (code, "generate → train → eval" in stderr) == (3, True)
