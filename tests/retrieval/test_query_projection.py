from __future__ import annotations

import numpy as np
import pytest

from embedtune.retrieval.query_projection import principal_map, project


def test_what_the_corpus_does_not_vary_in_is_taken_out():
    corpus = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]], dtype=np.float32)
    found = project(np.array([[0.6, 0, 0.8]], dtype=np.float32), principal_map(corpus, 2))
    assert found == pytest.approx(np.array([[1, 0, 0]]), abs=1e-6)


def test_all_directions_change_nothing():
    generator = np.random.default_rng(0)
    corpus, queries = (generator.standard_normal((9, 4)).astype(np.float32) for _ in range(2))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    assert project(queries, principal_map(corpus, 4)) == pytest.approx(queries, abs=1e-5)


def test_a_projection_done_twice_is_the_same():
    once = principal_map(np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32), 2)
    assert once @ once == pytest.approx(once, abs=1e-5)


def test_a_query_outside_of_the_corpus_stays_finite():
    found = project(np.array([[0, 0, 1]], dtype=np.float32), principal_map(np.eye(3, dtype=np.float32)[:2], 2))
    assert np.isfinite(found).all()
