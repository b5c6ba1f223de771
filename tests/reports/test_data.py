from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from embedtune.config.settings import EvaluateConfig, GenerateConfig
from embedtune.evaluation.measures import means, per_query
from embedtune.project.manifest import Circumstances, Identity, Manifest
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.reports.data import (
    MOST_LOSSES,
    background,
    hit_rate_by_k,
    intervals,
    score_histograms,
    thinned,
)
from embedtune.retrieval.ranks import first_relevant

QRELS = {f"q{number}": {f"p{number}": 1, "p1": 0} for number in range(40)}


@pytest.fixture(scope="module")
def run():
    """Forty queries whose answer stands at rank 1 to 40, some with ties."""
    draw = np.random.default_rng(0)
    return {
        query: {f"p{number}": round(float(draw.random()), 1) for number in draw.permutation(80)[:60]} for query in QRELS
    }


def test_the_curve_goes_through_the_hit_rates_of_the_table(run):
    ranks = {"base": [first_relevant(grades, run[name]) for name, grades in QRELS.items()]}
    curve = hit_rate_by_k(ranks).systems["base"]
    table = means(per_query(QRELS, run))
    assert len(curve) == 100 and curve == sorted(curve)
    for k in (1, 3, 5, 10):
        assert curve[k - 1] == pytest.approx(table[f"hit_rate@{k}"], abs=1e-6)
    assert hit_rate_by_k({"bm25": [None, None]}).systems["bm25"] == [0.0] * 100


def test_every_query_is_counted_once_in_a_histogram():
    qrels = {"a": {"p1": 1, "p2": 1}, "b": {"p1": 1}, "c": {"p1": 1}}
    run = {"a": {"p1": 0.3, "p2": 0.52, "p3": 0.4}, "b": {"p1": 0.2, "p3": 0.71}, "c": {"p3": 0.61}}
    found = score_histograms(qrels, {"base": run})
    base, edges = found.systems["base"], found.edges
    assert (sum(base.right), sum(base.wrong), base.n_above, base.n_absent) == (2, 3, 1, 1)
    assert (edges[0], edges[-1]) == (0.2, 0.75)
    place = next(number for number, count in enumerate(base.right) if count and number)
    assert edges[place] <= 0.52 <= edges[place + 1]
    assert score_histograms({}, {"base": {}}).systems["base"].right == [0] * 24


def test_an_interval_holds_the_mean_and_is_wider_with_fewer_documents(run):
    values = {"base": per_query(QRELS, run)}
    many = intervals(values, list(QRELS), seed=0).systems["base"]
    few = intervals(values, [str(number // 10) for number in range(40)], seed=0).systems["base"]
    mean = means(values["base"])["ndcg@10"]
    assert 0 <= many[0] < mean < many[1] <= 1
    assert few[1] - few[0] > many[1] - many[0]
    assert intervals(values, ["one"] * 40, seed=0).systems == {"base": None}


def test_losses_are_thinned_to_means_at_the_middle_of_their_steps():
    assert thinned([0.5, 0.25]) == [(1.0, 0.5), (2.0, 0.25)]
    assert thinned([]) == []
    long = thinned([float(step) for step in range(1, 5001)])
    assert len(long) == MOST_LOSSES
    assert long[0] == (13.0, 13.0) and all(step == pytest.approx(loss) for step, loss in long)


def test_it_tells_what_the_manifests_recorded(small_run):
    run = read_trained_run(small_run[0])
    told = background(run, EvaluateConfig(seed=7)).as_json()
    assert told["title"] == run.dataset.record.source.rpartition("/")[2]
    assert told["dataset"]["passages"] == run.dataset.record.passages
    assert told["made"]["generate"]["duration_s"] == run.dataset.circumstances.duration_s
    assert told["base_model"] == small_run[1].name
    assert "command" not in told["made"]["generate"]
    assert told["made"]["eval"] == {}  # its time is another every time; this text is not
    assert told["settings"]["train"]["seed"] == 0 and told["settings"]["eval"]["seed"] == 7
    assert told["llm"] is None
    assert told == background(run, EvaluateConfig(seed=7)).as_json()


def test_cost_comes_from_the_dataset_and_keys_go_nowhere(monkeypatch):
    monkeypatch.setenv("PROVIDER_API_KEY", "lovelace-1815-secret")
    facts = {
        "documents": 1, "skipped": 0, "passages": 2, "queries": {}, "split_by": "document", "source": "/home/ada/handbook",
        "llm": {"model": "m", "calls": 3, "answered": 2, "prompt_tokens": 10, "completion_tokens": 5, "failed": {},
                "screened_passages": 0, "preambles": 0, "written": 4, "relabelled": 0},
        "window": {"tokens": 128, "model_tokens": 254, "share_lost_by_truncation": 0.0, "share_lost": 0.0},
    }  # fmt: skip
    config = {
        "model": "m",
        "llm": {"base_url": "http://x/v1?key=lovelace-1815-secret", "names": ["lovelace-1815-secret"]},
    }
    spent = {"prompt_tokens": 30, "completion_tokens": 15, "cost": 0.02, "rejected_answers": {}}
    dataset = Manifest(
        record=DatasetRecord.model_validate(facts),
        identity=Identity(config=config),
        circumstances=Circumstances(llm=spent),
    )
    model = Manifest(record=ModelRecord(shipped="base"))
    told = background(TrainedRun(Path("run"), dataset, model, GenerateConfig(source="")), EvaluateConfig()).as_json()
    assert told["llm"] == {
        "model": "m",
        "calls": 3,
        "answered": 2,
        "prompt_tokens": 30,
        "completion_tokens": 15,
        "cost": 0.02,
    }
    assert told["title"] == "handbook"
    assert "lovelace" not in json.dumps(told) and "/home/ada" not in json.dumps(told)
    dataset = dataset.model_copy(update={"circumstances": Circumstances()})
    told = background(TrainedRun(Path("run"), dataset, model, GenerateConfig(source="")), EvaluateConfig()).as_json()
    assert (told["llm"]["prompt_tokens"], told["llm"]["cost"]) == (10, None)
