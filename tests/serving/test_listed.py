from __future__ import annotations

import numpy as np
import pytest

from embedtune.retrieval.fusion import z_score_sum
from embedtune.serving.listed import cut_to, listed_sum

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
