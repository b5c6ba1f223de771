"""Systems on one sample, and the slope of a gain over the number of train queries."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.systems import lexical_scores, measure_systems, summarise_scaling, trial_config
from embedtune.dataset import Dataset
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, z_score_sum
from embedtune.types import QuerySet


def test_all_systems_are_there_and_are_what_they_are_called(evaluator, context):
    found = measure_systems(evaluator, context)
    names = {"bm25", "base", "base_pca", "query_adapter", "hybrid_base", "rrf_base", "hybrid_query_adapter"}
    assert set(found.scores) == set(found.runs) == names
    assert set(found.compared) == {
        ("bm25", "base"), ("base_pca", "base"), ("hybrid_base", "base"), ("hybrid_base", "bm25"), ("rrf_base", "base"),
        ("query_adapter", "base"), ("hybrid_query_adapter", "hybrid_base"),
    }  # fmt: skip
    assert found.runs["base"] == evaluator.run(context.retrieval.base)
    fused = evaluator.run(z_score_sum(context.retrieval.base, lexical_scores(context.dev), DEFAULT_WEIGHT))
    assert found.runs["hybrid_base"] == fused
    assert not np.array_equal(found.scores["query_adapter"]["mrr@10"], found.scores["base"]["mrr@10"])
    gain = found.compared["hybrid_base", "base"]
    assert gain.difference == pytest.approx(
        found.scores["hybrid_base"]["ndcg@10"].mean() - found.scores["base"]["ndcg@10"].mean()
    )


def test_with_few_train_queries_no_map_is_tried(evaluator, context):
    import dataclasses

    none = QuerySet("train", [], {}, "passage")
    small = dataclasses.replace(context, dataset=Dataset(context.dataset.passages, {"train": none}))
    assert set(measure_systems(evaluator, small).scores) == {"bm25", "base", "hybrid_base", "rrf_base"}


@pytest.mark.parametrize(("n_queries", "batch"), [(2048, 64), (64, 16), (0, 1)])
def test_batches_leave_a_few_steps(n_queries, batch):
    config = trial_config(n_queries, 3)
    assert (config.query_side.batch_size, config.seed) == (batch, 3)
    assert config.strengths == (1.0,)  # nothing is chosen on the queries that evaluator


def test_the_sample_is_the_corpus_and_its_queries_are_dev(context, evaluator):
    assert context.dataset.passages == evaluator.sample.passages
    assert context.dev.queries == [query.text for query in evaluator.sample.judged.queries]
    assert context.retrieval.base.shape == (len(context.dev.queries), len(evaluator.sample.passages))


N = 200
CLUSTERS = [str(number) for number in range(N)]


def gains(*means: float, spread: float) -> dict[int, np.ndarray]:
    draw = np.random.default_rng(0)
    easy = draw.normal(0, spread, N)  # a query that gains much gains much at every size
    return {
        100 * 2**step: np.clip(mean + easy + draw.normal(0, spread / 4, N), -1, 1) for step, mean in enumerate(means)
    }


def test_a_gain_that_grows_is_told_from_noise():
    found = summarise_scaling(gains(0.0, 0.03, 0.06, spread=0.1), CLUSTERS)
    assert [point.train_queries for point in found.points] == [100, 200, 400]
    assert found.slope_per_doubling == pytest.approx(0.03, abs=0.005)
    assert found.distinguishable and found.ci95[0] > 0 and found.p_value < 0.05


def test_one_that_stays_is_not():
    found = summarise_scaling(gains(0.03, 0.03, 0.03, spread=0.1), CLUSTERS)
    assert not found.distinguishable
    assert found.ci95[0] < 0 < found.ci95[1]
    assert all(point.gain > 0 for point in found.points)


def test_the_slope_is_that_of_least_squares():
    values = {10: np.full(N, 0.1), 20: np.full(N, 0.4), 40: np.full(N, 0.3)}
    assert summarise_scaling(values, CLUSTERS).slope_per_doubling == pytest.approx(0.1)
