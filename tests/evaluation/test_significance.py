from __future__ import annotations

import time

import numpy as np
import pytest

from embedtune.evaluation.clusters import guarded_errors, standard_errors, sum_by_cluster
from embedtune.evaluation.exact import holm, mcnemar_p
from embedtune.evaluation.power import detectable_gain
from embedtune.evaluation.resampling import bootstrap_interval, randomisation_p
from embedtune.evaluation.significance import Comparison, compare


def systems(n: int = 120) -> dict[str, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    return {
        name: {
            "ndcg@10": generator.choice([0.0, 0.5, 0.63, 1.0], n),
            "hit_rate@5": generator.integers(0, 2, n).astype(float),
        }
        for name in ("base", "tuned", "bm25")
    }


def test_comparison_holds_what_the_parts_say():
    scores, documents = systems(), np.arange(120) // 4
    found = compare(scores, [("tuned", "base"), ("base", "bm25")], documents, n_resamples=500, seed=2)
    assert [(pair, list(measures)) for pair, measures in found.items()] == [
        (("tuned", "base"), ["ndcg@10", "hit_rate@5"]),
        (("base", "bm25"), ["ndcg@10", "hit_rate@5"]),
    ]
    for (system, reference), measures in found.items():
        p = []
        for name, one in measures.items():
            after, before = scores[system][name], scores[reference][name]
            data = sum_by_cluster(after - before, documents)
            assert (one.system, one.reference, one.measure) == (system, reference, name)
            assert (one.n_queries, one.n_clusters, one.n_changed) == (120, 30, (after != before).sum())
            assert (one.reference_mean, one.mean) == (before.mean(), after.mean())
            assert one.difference == pytest.approx(after.mean() - before.mean())
            assert [one.low, one.high] == pytest.approx(bootstrap_interval(data, n_resamples=500, seed=2)[0])
            assert one.error == pytest.approx(standard_errors(data)[0])
            assert one.p == pytest.approx(randomisation_p(data, n_resamples=500, seed=2)[0])
            assert one.p_mcnemar == (mcnemar_p(before, after) if name == "hit_rate@5" else None)
            assert one.detectable == detectable_gain(one.error)
            p.append(one.p)
        assert [one.p_holm for one in measures.values()] == holm(p)


def test_error_is_guarded_where_hardly_anything_changed():
    before = {"base": {"m": np.zeros(50)}, "tuned": {"m": np.zeros(50)}}
    one = compare(before, [("tuned", "base")])["tuned", "base"]["m"]
    assert one.error == guarded_errors(sum_by_cluster(np.zeros(50)))[0] > 0
    assert (one.p, one.n_changed) == (1.0, 0)


def test_no_pairs_no_comparisons():
    assert compare(systems(), []) == {}


def test_no_queries_are_refused():
    with pytest.raises(ValueError, match="at least one query"):
        compare({"base": {"m": np.zeros(0)}, "tuned": {"m": np.zeros(0)}}, [("tuned", "base")])


@pytest.mark.parametrize(
    ("p", "low", "high", "better", "worse"),
    [
        (0.05, 0.001, 0.1, True, False),
        (0.051, 0.001, 0.1, False, False),
        (0.05, 0.0, 0.1, False, False),
        (0.01, -0.2, -0.1, False, True),
        (0.01, -0.2, 0.0, False, False),
        (0.06, -0.2, -0.1, False, False),
    ],
)
def test_better_and_worse_need_both_test_and_interval(p, low, high, better, worse):
    one = Comparison("tuned", "base", "m", 9, 9, 0.5, 0.6, 0.1, low, high, 0.01, 9, p, p, None, 0.03)
    assert (one.better, one.worse) == (better, worse)


@pytest.mark.slow
@pytest.mark.parametrize("per_document", [1, 5])
def test_ten_systems_seven_measures_three_thousand_queries_in_twenty_seconds(per_document):
    generator = np.random.default_rng(0)
    scores = {
        f"s{system}": {f"m{measure}": generator.choice([0.0, 0.5, 1.0], 3000) for measure in range(7)}
        for system in range(10)
    }
    started = time.perf_counter()
    found = compare(scores, [(f"s{system}", "s0") for system in range(1, 10)], np.arange(3000) // per_document)
    assert time.perf_counter() - started < 20
    assert sum(len(measures) for measures in found.values()) == 63
