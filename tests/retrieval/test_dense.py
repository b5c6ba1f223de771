from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.dense import DenseIndex


def unit_scores(queries: np.ndarray, vectors: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Score plainly: the best inner product over each unit's windows."""
    bounds = [*starts.tolist(), len(vectors)]
    return np.stack([(queries @ vectors[a:b].T).max(axis=1) for a, b in pairwise(bounds)], axis=1)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    n_queries=st.integers(1, 4),
    k=st.integers(1, 15),
    seed=st.integers(0, 10_000),
)
def test_search_equals_the_best_window_by_brute_force(sizes, n_queries, k, seed):
    draw = np.random.default_rng(seed)
    starts = np.cumsum([0, *sizes[:-1]])
    # small whole numbers: products are exact, and ties are frequent
    vectors = draw.integers(-3, 4, (sum(sizes), 4)).astype(np.float32)
    queries = draw.integers(-3, 4, (n_queries, 4)).astype(np.float32)
    expected = unit_scores(queries, vectors, starts)
    found = DenseIndex(vectors, starts).search(queries, k)
    assert len(found) == n_queries
    for hits, scores in zip(found, expected, strict=True):
        assert [score for _, score in hits] == sorted(scores.tolist(), reverse=True)[:k]
        assert [score for _, score in hits] == [scores[unit] for unit, _ in hits]
        assert len({unit for unit, _ in hits}) == len(hits) == min(k, len(sizes))


def test_units_come_best_first():
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, -1]], dtype=np.float32)
    found = DenseIndex(vectors, np.array([0, 1, 3])).search(np.array([[0, 1], [1, 0]], dtype=np.float32), 3)
    assert [[unit for unit, _ in hits] for hits in found] == [[1, 0, 2], [0, 1, 2]]
    assert found[1][1][1] == pytest.approx(0.6)


def test_unit_of_many_windows_does_not_crowd_out_the_others():
    vectors = np.array([[1.0]] * 50 + [[0.5], [0.25]], dtype=np.float32)
    assert DenseIndex(vectors, np.array([0, 50, 51])).search(np.array([[1]], dtype=np.float32), 3) == [
        [(0, 1.0), (1, 0.5), (2, 0.25)]
    ]


def test_vectors_need_not_be_contiguous():
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    found = DenseIndex(wide[:, ::2], np.arange(3)).search(np.ones((1, 4), dtype=np.float32)[:, ::2], 1)
    assert found == [[(2, 18.0)]]


def test_no_queries_find_nothing():
    assert (
        DenseIndex(np.ones((2, 3), dtype=np.float32), np.arange(2)).search(np.zeros((0, 3), dtype=np.float32), 2) == []
    )
