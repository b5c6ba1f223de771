from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.evaluation.clusters import SPARSE, guarded_errors, standard_errors, sum_by_cluster


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
