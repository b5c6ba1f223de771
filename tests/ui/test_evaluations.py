import shutil

import pytest

import embedtune
from embedtune.errors import DataError, IntegrityError
from embedtune.ui.evaluations import read_evaluations, written
from tests.small_runs import train_nothing


def test_queries_values_and_labels_are_those_that_were_measured(run):
    (found,) = read_evaluations(run).values()
    metrics = embedtune.evaluate(embedtune.EvaluateConfig(precision="fp32"), run).record.only
    assert len(found.queries.queries) == metrics.n_queries
    for system, measures in metrics.systems.items():
        for measure, mean in measures.items():
            values = found.values[system][measure].values()
            assert sum(values) / len(values) == pytest.approx(mean, abs=1e-5)
    told = {(row.by, row.name): row.n_queries for row in metrics.slices if row.by != "document"}
    assert {key: list(found.labels[key[0]].values()).count(key[1]) for key in told} == told
    query_id = found.queries.queries[0].query_id
    assert found.ranking("tuned", query_id)[0] in found.queries.qrels[query_id]


def test_an_evaluation_that_is_missing_stale_or_changed_is_told(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "eval" / "per_query.tsv").write_text("x", encoding="utf-8")
    with pytest.raises(IntegrityError):
        read_evaluations(copy)
    shutil.rmtree(copy / "eval")
    with pytest.raises(DataError, match="found none"):
        read_evaluations(copy)


def test_queries_of_the_users_own_are_found_again_and_missed_when_they_change(
    small_run, tmp_path, monkeypatch, evaluate
):
    run, base = tmp_path / "run", small_run[1]
    shutil.copytree(small_run[0], run)
    mine = tmp_path / "mine"
    shutil.copytree(run / "dataset", mine)
    code, *_ = evaluate(run, "--queries", mine, "-q")
    assert code == 0
    (found,) = read_evaluations(run).values()
    assert (found.queries.name, found.queries.judged_unit) == ("mine", "passage")
    before = written(run)
    assert evaluate(run, "--queries", mine, "--seed", 1, "-q")[0] == 0
    assert written(run) not in (before, "")
    (mine / "qrels" / "test.tsv").write_text((mine / "qrels" / "dev.tsv").read_text(), encoding="utf-8")
    with pytest.raises(DataError, match="moved or changed"):
        read_evaluations(run)
    train_nothing(run, base, noise=0.01)
    with pytest.raises(DataError, match="earlier one"):
        read_evaluations(run)


@pytest.mark.parametrize("way", ["python", "setting", "recipe"])
def test_queries_are_found_again_however_they_were_named_and_from_anywhere(
    way, small_run, tmp_path, monkeypatch, evaluate
):
    run, mine = tmp_path / "run", tmp_path / "mine"
    shutil.copytree(small_run[0], run)
    shutil.copytree(run / "dataset", mine)
    monkeypatch.chdir(tmp_path)
    if way == "python":
        embedtune.evaluate(embedtune.EvaluateConfig(queries=("mine",)), run)
    elif way == "setting":
        assert evaluate(run, "--set", "queries=[mine]", "-q")[0] == 0
    else:
        (tmp_path / "recipe.yaml").write_text("eval:\n  queries: [mine]\n", encoding="utf-8")
        assert evaluate(run, "--config", "recipe.yaml", "-q")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (found,) = read_evaluations(run).values()
    assert (found.queries.name, found.queries.judged_unit) == ("mine", "passage")
