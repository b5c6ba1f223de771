from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.evaluation.drift import (
    DEPTH,
    PERSISTENCE,
    mean_cosine,
    mean_overlap,
    mean_rank_biased_overlap,
    n_identical,
    rank_biased_overlap,
)

rankings = st.permutations("abcdefghijkl").flatmap(lambda ids: st.integers(0, 10).map(lambda n: ids[:n]))


def run(**lists: str) -> dict[str, dict[str, float]]:
    """Return a run from the ids of each query, best first."""
    return {query: {name: -float(rank) for rank, name in enumerate(ids)} for query, ids in lists.items()}


def test_mean_cosine():
    base = np.array([[1, 0], [0, 1]], dtype=np.float32)
    assert mean_cosine(base, base) == 1.0
    assert mean_cosine(base, np.array([[0, 1], [0.6, 0.8]], dtype=np.float32)) == pytest.approx(0.4)


def test_overlap_is_of_the_first_ten():
    before, after = run(q="abcdefghijkl", r="ab"), run(q="abcdefghixjy", r="ca")
    assert mean_overlap(before, after) == pytest.approx((0.9 + 0.5) / 2)
    assert mean_overlap(before, after, depth=1) == pytest.approx((1 + 0) / 2)


def test_overlap_of_lists_of_different_lengths():
    assert mean_overlap(run(q="abcd"), run(q="ab")) == 0.5
    assert mean_overlap(run(q="ab"), {}) == 0.0
    assert mean_overlap({"q": {}}, {}) == 1.0


def test_ties_are_ranked_by_falling_id_as_in_the_measures():
    tied = {"q": {"a": 1.0, "b": 1.0}}
    assert mean_overlap(tied, {"q": {"b": 1.0}}, depth=1) == 1.0


def test_rank_biased_overlap_by_hand():
    # agreement 0 at depth 1, 1 at depth 2, carried on: (1 - p) (0 + p · 1) + p² · 1
    assert rank_biased_overlap("ab", "ba", 0.9) == pytest.approx(0.1 * 0.9 + 0.81)
    assert rank_biased_overlap("a", "b") == 0.0
    assert rank_biased_overlap("", "") == 1.0
    assert rank_biased_overlap("", "a") == 0.0


def test_agreement_at_the_top_counts_most():
    top, bottom = rank_biased_overlap("abcdef", "abcdfe"), rank_biased_overlap("abcdef", "bacdef")
    assert 1 > top > bottom > 0


@given(rankings, st.floats(0.1, 0.95))
def test_a_ranking_agrees_with_itself(ids, persistence):
    assert rank_biased_overlap(ids, ids, persistence) == pytest.approx(1.0)


@given(rankings, rankings, st.floats(0.1, 0.95))
def test_rank_biased_overlap_is_symmetric_and_a_share(first, second, persistence):
    value = rank_biased_overlap(first, second, persistence)
    assert value == pytest.approx(rank_biased_overlap(second, first, persistence))
    assert -1e-9 <= value <= 1 + 1e-9


@given(st.permutations("abcdefgh"), st.permutations("efghijkl"), st.integers(0, 7))
def test_extrapolation_is_the_long_sum_with_the_last_agreement_carried_on(first, second, shorter):
    first = first[: len(first) - shorter]
    n_short, n_long, p = len(first), len(second), 0.8
    shared = [len(set(first[:depth]) & set(second[:depth])) for depth in range(1, n_long + 1)]
    # beyond the short list it is taken to go on agreeing with the rate it ended with
    overlap = [
        count + (shared[n_short - 1] / n_short) * max(0, depth - n_short) for depth, count in enumerate(shared, start=1)
    ]
    agreement = [count / depth for depth, count in enumerate(overlap, start=1)]
    agreement += [agreement[-1]] * 400
    plain = (1 - p) * sum(value * p**depth for depth, value in enumerate(agreement))
    assert rank_biased_overlap(first, second, p) == pytest.approx(plain)


def test_mean_over_the_queries_of_the_first_run():
    before, after = run(q="ab", r="ab"), run(q="ab", r="ba", other="a")
    assert mean_rank_biased_overlap(before, after) == pytest.approx((1 + 0.9) / 2)
    assert mean_rank_biased_overlap(before, {}) == 0.0


def test_the_depth_suits_the_persistence():
    # Webber et al. 2010, equation 21: the weight of the first n ranks
    p, n = PERSISTENCE, DEPTH
    tail = sum(p**i / i for i in range(1, n))
    weight = 1 - p ** (n - 1) + (1 - p) / p * n * (math.log(1 / (1 - p)) - tail)
    assert weight == pytest.approx(0.86, abs=0.005)


def test_identical_lists_are_counted_by_their_first_ten():
    before, after = run(q="abcdefghijkl", r="ab", s="a"), run(q="abcdefghijlk", r="ba", s="a")
    assert n_identical(before, after) == 2
    assert n_identical(before, after, depth=12) == 1
