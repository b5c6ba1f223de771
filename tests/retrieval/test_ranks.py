from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.formats.run_files import ranked
from embedtune.retrieval.ranks import best_rank, best_ranks, first_relevant


def test_rank_counts_the_columns_with_a_higher_score():
    scores = np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]], dtype=np.float32)
    assert best_ranks(scores, [[2], [1]]).tolist() == [2, 3]


def test_rank_is_that_of_the_best_relevant_column():
    scores = np.array([[0.4, 0.3, 0.2, 0.1]], dtype=np.float32)
    assert best_ranks(scores, [[3, 1]]).tolist() == [2]


def test_equal_scores_do_not_push_the_relevant_column_down():
    scores = np.array([[0.5, 0.5, 0.5, 0.9]], dtype=np.float32)
    assert best_ranks(scores, [[2]]).tolist() == [2]


def test_rows_and_relevant_lists_must_match():
    with pytest.raises(ValueError, match="zip"):
        best_ranks(np.zeros((2, 3), dtype=np.float32), [[0]])


@given(st.data())
def test_rank_equals_the_place_in_a_sorted_list(data):
    row = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
    relevant = data.draw(st.lists(st.integers(0, len(row) - 1), min_size=1, unique=True))
    expected = sorted(row, reverse=True).index(max(row[column] for column in relevant)) + 1
    assert best_ranks(np.array([row], dtype=np.float32), [relevant]).tolist() == [expected]
    assert best_rank(np.array(row, dtype=np.float32), relevant) == expected


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([0.0, 0.5, 1.0])), st.sets(st.sampled_from("abcdefgh"))
)
def test_the_rank_is_that_of_the_run_file(scores, right):
    order = [unit for unit, _ in ranked(scores)]
    expected = next((rank for rank, unit in enumerate(order, start=1) if unit in right), None)
    assert first_relevant(dict.fromkeys(right, 1), scores) == expected
