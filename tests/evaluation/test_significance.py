from __future__ import annotations

import time
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from embedtune.evaluation.resampling import (
    bootstrap_interval,
    guarded_errors,
    randomisation_p,
    standard_errors,
    sum_by_cluster,
)
from embedtune.evaluation.significance import (
    average_seeds,
    compare,
    detectable_gain,
    holm,
    is_better,
    is_worse,
    mcnemar_p,
    queries_needed,
)


def test_seeds_are_averaged_by_query():
    assert average_seeds([np.array([0.0, 1.0]), np.array([1.0, 1.0])]).tolist() == [0.5, 1.0]


def test_seeds_are_no_further_queries():
    seed = np.random.default_rng(0).choice([-1.0, 0.0, 0.0, 1.0], 200)
    once = standard_errors(sum_by_cluster(seed))
    assert standard_errors(sum_by_cluster(average_seeds([seed] * 3))) == pytest.approx(once)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_mcnemar_counts_the_tosses_of_a_fair_coin(pairs):
    before, after = np.array(pairs, dtype=float).T
    wins, losses = int((after > before).sum()), int((before > after).sum())
    n, fewer = wins + losses, min(wins, losses)
    tail = sum(comb(n, k) for k in range(fewer + 1)) / 2**n
    assert mcnemar_p(before, after) == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_is_for_hits_and_misses():
    assert mcnemar_p([0.0, 1.0], [0.5, 1.0]) is None
    assert mcnemar_p([0.0, 1.0], [0.0, 1.0]) == 1.0


def test_mcnemar_is_never_too_small():
    generator = np.random.default_rng(0)
    p = []
    for _ in range(2000):
        flipped = generator.random(150) < 0.08
        # a changed query is a win or a loss with the same chance
        before = np.where(flipped, generator.random(150) < 0.5, 1)
        after = np.where(flipped, 1 - before, before)
        p.append(mcnemar_p(before.astype(float), after.astype(float)))
    for level in (0.01, 0.05, 0.1, 0.2):
        assert np.mean(np.array(p) <= level) <= level + 2 * np.sqrt(level * (1 - level) / 2000)


def test_holm_by_hand():
    # sorted 0.01 0.02 0.03 0.5: 4 · 0.01, 3 · 0.02, then 2 · 0.03 = 0.06, then 0.5
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    # a later p is never smaller than an earlier one
    assert holm([0.01, 0.011]) == pytest.approx([0.02, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_the_step_down_procedure_does(p):
    level, rejected = 0.05, set()
    for place, number in enumerate(sorted(range(len(p)), key=lambda number: p[number])):
        if p[number] * (len(p) - place) > level:
            break
        rejected.add(number)
    assert {number for number, value in enumerate(holm(p)) if value <= level} == rejected


def test_gain_that_can_be_shown_is_2_8_errors():
    assert detectable_gain(0.01) == pytest.approx(0.028, abs=5e-5)
    assert detectable_gain(0.0) == 0.0


def test_power_at_the_detectable_gain_is_80_per_cent():
    # the normal approximation, computed from the other side
    power = stats.norm.sf(stats.norm.ppf(0.975) - detectable_gain(0.3) / 0.3)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_half_the_gain_takes_four_times_the_queries():
    error = 0.02 / detectable_gain(1.0)  # so that 2 points can be shown
    assert queries_needed(0.02, error, 300) == pytest.approx(0, abs=1)
    assert queries_needed(0.01, error, 300) == pytest.approx(900, abs=1)
    assert queries_needed(0.05, error, 300) == 0


@pytest.mark.parametrize("gain", [0.0, -0.1])
def test_there_is_no_number_of_queries_to_show_no_gain(gain):
    with pytest.raises(ValueError, match="above 0"):
        queries_needed(gain, 0.01, 100)


def test_with_the_queries_asked_for_a_t_test_finds_the_gain():
    generator = np.random.default_rng(0)
    gain, deviation, n = 0.02, 0.2, 100
    n += queries_needed(gain, deviation / np.sqrt(n), n)
    found = stats.ttest_1samp(generator.normal(gain, deviation, (2000, n)), 0, axis=1).pvalue <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


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
            assert (one.better, one.worse) == (is_better(one.p, one.low), is_worse(one.p, one.high))
            p.append(one.p)
        assert [one.p_holm for one in measures.values()] == holm(p)


def test_error_is_guarded_where_hardly_anything_changed():
    before = {"base": {"m": np.zeros(50)}, "tuned": {"m": np.zeros(50)}}
    one = compare(before, [("tuned", "base")])["tuned", "base"]["m"]
    assert one.error == guarded_errors(sum_by_cluster(np.zeros(50)))[0] > 0
    assert (one.p, one.n_changed) == (1.0, 0)


def test_queries_of_one_document_give_no_interval():
    one = compare(systems(), [("tuned", "base")], np.zeros(120))["tuned", "base"]["ndcg@10"]
    assert one.ci95 is None
    assert (one.low, one.high, one.better, one.worse) == (-1.0, 1.0, False, False)
    assert one.rounded().as_json()["ci95"] is None


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
    assert (is_better(p, low), is_worse(p, high)) == (better, worse)


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
