from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import ConfigError
from embedtune.retrieval.fusion import PassageScores, cut_to, fuse, listed_sum, reciprocal_rank, z_score_sum, z_scores
from embedtune.retrieval.searcher import PassageVectors
from embedtune.retrieval.windows import Windows
from embedtune.serving.windows import StoredVectors


def row(*values: float) -> np.ndarray:
    return np.array([values], dtype=np.float32)


def test_z_scores_have_mean_zero_and_deviation_one():
    # mean 2, deviation sqrt(2/3)
    assert z_scores(row(1, 2, 3))[0] == pytest.approx([-1.2247449, 0, 1.2247449])


def test_z_scores_are_by_query():
    both = np.array([[0, 10], [5, 1]], dtype=np.float32)
    assert z_scores(both).tolist() == [[-1, 1], [1, -1]]


def test_z_scores_of_equal_scores_are_zero():
    assert z_scores(row(0, 0, 0)).tolist() == [[0, 0, 0]]


def test_z_scores_of_a_long_constant_row_are_zero():
    assert set(z_scores(np.full((1, 1000), 0.1, dtype=np.float32))[0].tolist()) == {0.0}


def test_sum_weighs_the_dense_side():
    # z(dense) is (-1, 1), z(lexical) is (1, -1)
    dense, lexical = row(0.2, 0.4), row(7, 3)
    assert z_score_sum(dense, lexical, 0.75)[0] == pytest.approx([-0.5, 0.5])
    assert z_score_sum(dense, lexical, 0.5)[0] == pytest.approx([0, 0], abs=1e-6)
    assert z_score_sum(dense, lexical, 0.25)[0] == pytest.approx([0.5, -0.5])


def test_sum_without_lexical_scores_ranks_as_dense():
    fused = z_score_sum(row(0.3, 0.1, 0.2), row(0, 0, 0), 0.5)
    assert np.argsort(-fused).tolist() == [[0, 2, 1]]


def test_reciprocal_rank_adds_both_sides():
    fused = reciprocal_rank(row(0.9, 0.5, 0.7), row(1, 3, 2))
    assert fused[0] == pytest.approx([1 / 61 + 1 / 63, 1 / 63 + 1 / 61, 1 / 62 + 1 / 62])
    assert fused.dtype == np.float32


def test_passages_without_a_common_term_get_nothing_from_the_lexical_side():
    fused = reciprocal_rank(row(0.9, 0.5, 0.7), row(0, 3, 0))
    assert fused[0] == pytest.approx([1 / 61, 1 / 63 + 1 / 61, 1 / 62])


def test_equal_scores_take_ranks_in_the_order_of_the_corpus():
    fused = reciprocal_rank(row(0.5, 0.5, 0.5), row(0, 0, 0))
    assert fused[0] == pytest.approx([1 / 61, 1 / 62, 1 / 63])


@given(st.integers(0, 10_000))
def test_reciprocal_rank_depends_on_order_alone(seed):
    draw = np.random.default_rng(seed)
    dense = draw.permutation(12).reshape(2, 6).astype(np.float32)
    lexical = draw.permutation(12).reshape(2, 6).astype(np.float32)
    assert reciprocal_rank(dense, lexical).tolist() == reciprocal_rank(dense * 7 - 3, lexical**2).tolist()


def test_runs_are_fused_by_rank():
    first, second = {"q": {"a": 0.9, "b": 0.8}}, {"q": {"b": 7.0, "c": 2.0}, "r": {"a": 1.0}}
    fused = fuse([first, second])
    assert fused["q"] == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61, "c": 1 / 62})
    assert list(fused["q"]) == ["b", "a", "c"] and fused["r"] == {"a": 1 / 61}
    assert fuse([first, second], weight=0.0, depth=1)["q"] == {"b": 1 / 61}
    assert fuse([first, second], weight=[1, 2], k=0)["q"]["b"] == pytest.approx(1 / 2 + 2)


def test_fused_runs_of_a_whole_corpus_are_the_z_score_sum():
    draw = np.random.default_rng(0)
    dense, lexical = draw.random((2, 3, 20), dtype=np.float32)
    runs = [
        {str(q): {str(p): float(s) for p, s in enumerate(row)} for q, row in enumerate(table)}
        for table in (dense, lexical)
    ]
    fused = fuse(runs, "z-score", weight=0.3)
    expected = z_score_sum(dense, lexical, 0.3)
    for query, row in fused.items():
        assert [row[str(passage)] for passage in range(20)] == pytest.approx(expected[int(query)].tolist(), abs=1e-5)


def test_a_document_that_a_run_misses_has_its_lowest_score():
    fused = fuse([{"q": {"a": 1.0, "b": 3.0}}, {"q": {"a": 5.0}}], "z-score", weight=[1, 1])
    assert fused["q"] == pytest.approx({"a": -1.0, "b": 1.0})


@pytest.mark.parametrize("options", [{"method": "sum"}, {"weight": [1.0]}, {"weight": 1.5}])
def test_methods_and_weights_that_do_not_fit_are_refused(options):
    with pytest.raises(ConfigError, match="expected"):
        fuse([{"q": {"a": 1.0}}, {"q": {"a": 1.0}}], **options)


NO = -np.inf


def matrix(*rows):
    return np.array(rows, dtype=np.float32)


def test_a_list_keeps_its_best_and_of_equal_ones_the_first():
    assert cut_to(matrix([1, 3, 2, 3], [0, 0, 0, 0]), 2).tolist() == [[NO, 3, NO, 3], [0, 0, NO, NO]]
    assert cut_to(matrix([1, 2]), 2).tolist() == [[1, 2]]


def test_lists_as_long_as_the_corpus_are_fused_as_eval_does():
    draw = np.random.default_rng(0)
    dense, lexical = draw.normal(size=(3, 20)).astype(np.float32), draw.normal(size=(3, 20)).astype(np.float32)
    assert listed_sum(dense, lexical, 0.3) == pytest.approx(z_score_sum(dense, lexical, 0.3), abs=1e-6)


def test_what_a_list_has_not_counts_as_its_last():
    fused = listed_sum(matrix([4, 2, NO, NO]), matrix([NO, 5, 3, NO]), 0.5)
    assert fused.tolist() == [[0, 0, -1, NO]]


def test_an_empty_list_adds_nothing():
    assert listed_sum(matrix([NO, NO]), matrix([4, 2]), 0.5).tolist() == [[0.5, -0.5]]


WINDOWS = Windows(list("wxyz"), np.array([0, 1, 3]))
VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], dtype=np.float32)


class Store:
    def search(self, vector, k):
        scores = VECTORS @ vector
        return [("abbc"[n], float(scores[n])) for n in np.argsort(-scores)[:k]]


@pytest.mark.parametrize(
    ("source", "list_depth"), [(PassageVectors(VECTORS, WINDOWS), None), (StoredVectors(Store(), "abc"), 3)]
)
def test_a_store_and_memory_give_the_same_scores_and_fusions(source, list_depth):
    queries = np.array([[1, 0], [0, 1]], dtype=np.float32)
    assert source.scores(queries, 3) == pytest.approx(np.array([[1, 0.6, -1], [0, 1, 0]]))

    def fused(weight):
        return PassageScores(
            lambda: source.scores(queries[:1], 3), lambda: np.array([[0, 0, 9]], dtype=np.float32), weight, list_depth
        )

    assert fused(0.9).z_score_sum[0].argmax() == 0
    assert fused(0.1).z_score_sum[0].argmax() == 2
    assert fused(0.5).reciprocal_rank[0] == pytest.approx([1 / 61, 1 / 62, 1 / 63 + 1 / 61])
