from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from embedtune.evaluation import resampling
from embedtune.evaluation.resampling import (
    SPARSE,
    bootstrap_interval,
    guarded_errors,
    randomisation_p,
    standard_errors,
    sum_by_cluster,
)

from .simulated import documents_of, hits, rank_scores


def test_differences_are_summed_by_label():
    data = sum_by_cluster([[1.0, 0.5, -1.0, 0.0], [0.0, 0.0, 0.25, 0.25]], ["b", "a", "b", "c"])
    assert data.sums.tolist() == [[0.5, 0.0, 0.0], [0.0, 0.25, 0.25]]
    assert data.sizes.tolist() == [1, 2, 1]
    assert (data.n_queries, data.means.tolist()) == (4, [0.125, 0.125])


def test_without_labels_each_query_is_its_own():
    data = sum_by_cluster([0.5, -0.5, 0.25])
    assert (data.sums.tolist(), data.sizes.tolist()) == ([[0.5, -0.5, 0.25]], [1, 1, 1])


def test_rounding_errors_are_no_change():
    assert sum_by_cluster([0.1 + 0.2, -0.3, 0.5], [0, 0, 1]).sums.tolist() == [[0.0, 0.5]]


@pytest.mark.parametrize(("differences", "clusters"), [([], None), ([], []), ([0.1, 0.2], [1])])
def test_labels_must_fit_the_queries(differences, clusters):
    with pytest.raises(ValueError, match="cluster"):
        sum_by_cluster(differences, clusters)


def test_error_without_clusters_is_that_of_a_mean():
    # deviations -0.15 -0.05 0.05 0.15: variance 0.05 / 3, divided by four values
    errors = standard_errors(sum_by_cluster([0.1, 0.2, 0.3, 0.4]))
    assert errors.tolist() == pytest.approx([math.sqrt(0.05 / 3 / 4)])


def test_error_by_hand_with_uneven_clusters():
    # mean 0.5; residuals of the sums 2 - 1.5 and 0 - 0.5; 2 / 1 clusters, four queries
    errors = standard_errors(sum_by_cluster([1, 1, 0, 0], [0, 0, 0, 1]))
    assert errors.tolist() == pytest.approx([math.sqrt(2 * (0.25 + 0.25)) / 4])


def test_queries_that_repeat_each_other_count_once():
    once = [0.1, -0.2, 0.3, 0.5, 0.0]
    repeated, documents = np.repeat(once, 7), np.repeat(range(5), 7)
    assert standard_errors(sum_by_cluster(repeated, documents)) == pytest.approx(standard_errors(sum_by_cluster(once)))


@pytest.mark.parametrize(("differences", "clusters"), [([0.5], None), ([0.5, 0.1], [3, 3])])
def test_a_single_cluster_has_no_error(differences, clusters):
    assert standard_errors(sum_by_cluster(differences, clusters)).tolist() == [0.0]


@given(st.data())
def test_error_is_the_textbook_sandwich_of_a_regression_on_a_constant(data):
    n = data.draw(st.integers(2, 30))
    values = np.array(data.draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))) / 4
    labels = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    groups = set(labels.tolist())
    if len(groups) < 2:
        return
    ones = np.ones((n, 1))
    bread = np.linalg.inv(ones.T @ ones)
    residual = values - values.mean()
    meat = sum((ones[labels == g].T @ residual[labels == g]) ** 2 for g in groups)
    variance = float((bread * meat * bread).item()) * len(groups) / (len(groups) - 1)
    assert standard_errors(sum_by_cluster(values, labels))[0] == pytest.approx(math.sqrt(variance), abs=1e-9)


def test_silence_is_not_certainty():
    data = sum_by_cluster(np.zeros((1, 300)))
    assert standard_errors(data).tolist() == [0.0]
    # two standard errors come near the rule of three: no change in 300 queries allows for a rate up to 3 / 300
    assert 1.96 * guarded_errors(data)[0] == pytest.approx(3 / 300, rel=0.1)


def test_many_changes_need_no_guard():
    rows = np.zeros((2, 50))
    rows[0, : SPARSE - 1] = 0.5
    rows[1, :SPARSE] = 0.5
    data = sum_by_cluster(rows)
    plain, guarded = standard_errors(data), guarded_errors(data)
    assert guarded[0] == pytest.approx(math.sqrt(plain[0] ** 2 + 2 / 50**2))
    assert guarded[1] == plain[1]


def mixed(seed: int = 0) -> np.ndarray:
    """Return five rows of differences of 60 queries, the last without any."""
    generator = np.random.default_rng(seed)
    rows = generator.choice([-0.5, 0, 0, 0.5, 1.0], (5, 60))
    rows[-1] = 0
    return rows


def test_p_of_few_clusters_is_exact():
    # 2 of the 8 patterns of ± 0.5 ± 0.25 ± 0.25 reach a total of 1; documents that cancel out add nothing
    p = randomisation_p(sum_by_cluster([0.5, 0.25, 0.25, 0.5, -0.5, 0.0], [0, 1, 2, 3, 3, 4]))
    assert p.tolist() == [2 / 8]


@given(st.lists(st.integers(-5, 5).map(lambda value: value / 10), min_size=1, max_size=9))
def test_exact_p_counts_all_sign_patterns(values):
    total = abs(sum(round(10 * value) for value in values))
    patterns = list(product((-1, 1), repeat=len(values)))
    extreme = sum(
        abs(sum(s * round(10 * value) for s, value in zip(signs, values, strict=True))) >= total for signs in patterns
    )
    # sums of tenths are not exact in binary: ties must be seen all the same
    assert randomisation_p(sum_by_cluster(values))[0] == pytest.approx(extreme / len(patterns))


def test_p_agrees_with_scipy_without_clusters():
    rows = mixed()[:3]
    ours = randomisation_p(sum_by_cluster(rows), n_resamples=20_000)
    for row, p in zip(rows, ours, strict=True):
        theirs = stats.permutation_test(
            (row, np.zeros_like(row)),
            lambda a, b, axis: (a - b).mean(axis=axis),
            permutation_type="samples", n_resamples=20_000, vectorized=True, rng=1,
        )  # fmt: skip
        assert p == pytest.approx(theirs.pvalue, abs=0.012)


def test_whole_clusters_are_flipped():
    once = mixed()[:4, :30]
    repeated, documents = np.repeat(once, 4, axis=1), np.repeat(np.arange(30), 4)
    # four copies of each query say no more than one
    assert randomisation_p(sum_by_cluster(repeated, documents)) == pytest.approx(randomisation_p(sum_by_cluster(once)))


def test_p_is_never_zero():
    data = sum_by_cluster(np.ones(100))
    assert randomisation_p(data, n_resamples=999).tolist() == [1 / 1000]


def test_nothing_changed():
    data = sum_by_cluster(np.zeros((2, 200)))
    assert randomisation_p(data).tolist() == [1.0, 1.0]
    low, high = bootstrap_interval(data)[0]
    assert (low, high) == (-high, pytest.approx(3 / 200, rel=0.1))


@pytest.mark.parametrize("function", [randomisation_p, bootstrap_interval])
def test_same_seed_same_result_whatever_the_block(function, monkeypatch):
    data = sum_by_cluster(mixed())
    whole = function(data, n_resamples=500, seed=3)
    assert (function(data, n_resamples=500, seed=3) == whole).all()
    assert (function(data, n_resamples=500, seed=4) != whole).any()
    for block in (1, 7 * 60, 499 * 60):
        monkeypatch.setattr(resampling, "_BLOCK_VALUES", block)
        assert function(data, n_resamples=500, seed=3) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("function", [randomisation_p, bootstrap_interval])
def test_rows_do_not_depend_on_their_neighbours(function):
    rows = mixed()
    together = function(sum_by_cluster(rows), n_resamples=400)
    alone = [function(sum_by_cluster(row), n_resamples=400)[0] for row in rows]
    assert together == pytest.approx(np.array(alone), abs=1e-12)


@pytest.mark.parametrize("function", [randomisation_p, bootstrap_interval])
def test_order_of_systems_only_turns_the_sign(function):
    rows = mixed()
    there, back = (function(sum_by_cluster(sign * rows), n_resamples=400) for sign in (1, -1))
    assert there == pytest.approx(-back[:, ::-1] if back.ndim == 2 else back, abs=1e-12)


def test_interval_agrees_with_a_plain_loop():
    generator = np.random.default_rng(5)
    documents = documents_of(25, generator)
    row = rank_scores(1, documents, generator)
    difference = (row[1] - row[0])[0]
    data = sum_by_cluster(difference, documents)
    groups = [difference[documents == number] for number in range(25)]
    ratios = []
    for _ in range(4000):
        chosen = [groups[number] for number in generator.integers(0, 25, 25)]
        again = sum_by_cluster(np.concatenate(chosen), np.repeat(range(25), [len(group) for group in chosen]))
        error = standard_errors(again)[0]
        ratios.append(abs(again.means[0] - data.means[0]) / error if error else 0.0)
    critical = max(np.quantile(ratios, 0.95), stats.t.ppf(0.975, 24))
    low, high = bootstrap_interval(data)[0]
    assert (low + high) / 2 == pytest.approx(difference.mean())
    assert (high - low) / 2 == pytest.approx(critical * standard_errors(data)[0], rel=0.06)


def test_interval_of_many_independent_queries_is_students():
    difference = np.random.default_rng(2).normal(0.02, 0.2, 2000)
    low, high = stats.t.interval(0.95, 1999, difference.mean(), stats.sem(difference))
    assert bootstrap_interval(sum_by_cluster(difference))[0] == pytest.approx([low, high], abs=5e-4)


def test_interval_stays_within_what_is_possible():
    assert bootstrap_interval(sum_by_cluster([1.0, 1.0, 1.0]))[0, 1] == 1.0
    assert bootstrap_interval(sum_by_cluster([0.3, 0.2], ["one", "one"])).tolist() == [[-1.0, 1.0]]


def test_quick_look_at_size_and_coverage():
    generator = np.random.default_rng(11)
    documents = documents_of(60, generator)
    first, second = rank_scores(400, documents, generator)
    data = sum_by_cluster(second - first, documents)
    p, ends = randomisation_p(data, n_resamples=999), bootstrap_interval(data, n_resamples=999)
    # 400 tries: standard error 1.1 points
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0)) == pytest.approx(0.95, abs=0.035)


@pytest.mark.slow
@pytest.mark.parametrize("n_documents", [30, 100, 300])
def test_p_is_uniform_under_the_null(n_documents):
    generator = np.random.default_rng(n_documents)
    p = []
    for batch in range(20):  # of 100 rows that share their resamples
        documents = documents_of(n_documents, generator)
        first, second = rank_scores(100, documents, generator)
        p.append(randomisation_p(sum_by_cluster(second - first, documents), n_resamples=1999, seed=batch))
    assert stats.kstest(np.concatenate(p), "uniform").pvalue > 0.01


@pytest.mark.slow
def test_without_clusters_p_would_be_too_small():
    generator = np.random.default_rng(8)
    documents = documents_of(100, generator)
    first, second = rank_scores(1000, documents, generator)
    p = randomisation_p(sum_by_cluster(second - first), n_resamples=1999)
    assert np.mean(p <= 0.05) > 0.07


@pytest.mark.slow
@pytest.mark.parametrize("n_documents", [30, 100, 300])
@pytest.mark.parametrize("mean_size", [1, 5])
@pytest.mark.parametrize("shape", ["ranks", "hits"])
def test_interval_covers_the_truth(n_documents, mean_size, shape):
    generator = np.random.default_rng([n_documents, mean_size])
    covered = []
    for batch in range(30):
        documents = documents_of(n_documents, generator, mean_size)
        if shape == "hits":
            truth, rows = 0.15 * 0.4, hits(100, documents, generator, changed=0.15, better=0.7)
        else:
            first, second = rank_scores(100, documents, generator)
            truth, rows = 0.0, second - first
        ends = bootstrap_interval(sum_by_cluster(rows, documents), n_resamples=999, seed=batch)
        covered.append((ends[:, 0] <= truth) & (ends[:, 1] >= truth))
    # thirty queries in all, of which a handful change: wide rather than wrong
    most = 1.0 if (n_documents, mean_size) == (30, 1) else 0.97
    assert 0.93 <= np.mean(covered) <= most
