from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.locate import find_model
from embedtune.retrieval.late_interaction import TokenCache, blend, encoded_tokens, match, max_sim, shift

PASSAGES = [
    ["The boiler is drained before the first frost.", "The key hangs in the shed."],
    ["A refund takes five working days."],
    ["The annual report for 2019 shows a profit."],
    ["The annual report for 2018 shows a profit."],
]


@pytest.fixture(scope="module")
def encoder():
    return Encoder(load_model(find_model(DEFAULT_MODEL)))


def tokens_of(encoder, windows):
    return encoded_tokens(encoder, windows.__getitem__)


def test_every_token_of_the_query_takes_its_best_match():
    query = np.array([[1, 0], [0, 1]], dtype=np.float32)
    passage = np.array([[0.6, 0.8], [1, 0]], dtype=np.float32)
    assert max_sim(query, passage) == pytest.approx((1 + 0.8) / 2)


@pytest.mark.parametrize(("n_query", "n_passage"), [(0, 3), (3, 0), (0, 0)])
def test_what_has_no_token_matches_with_0(n_query, n_passage):
    assert max_sim(np.ones((n_query, 4), np.float32), np.ones((n_passage, 4), np.float32)) == 0.0


def test_pairs_are_matched_as_asked(encoder):
    reported: list[int] = []
    queries = ["where is the key", "profit in 2019", ""]
    found = match(encoder, queries, [[0, 1], [2, 3, 1], [0]], tokens_of(encoder, PASSAGES), reported.append)
    assert [sorted(each) for each in found] == [[0, 1], [1, 2, 3], [0]]
    assert found[0][0] > found[0][1]
    assert found[1][2] > found[1][3] > found[1][1]
    assert found[2] == {0: 0.0}
    assert sum(reported) == len(PASSAGES)


def test_a_token_finds_its_match_in_any_window(encoder):
    both, first, second = ([PASSAGES[0]], [PASSAGES[0][:1]], [PASSAGES[0][1:]])
    query = ["drain the boiler, the key hangs where"]
    scores = [match(encoder, query, [[0]], tokens_of(encoder, windows))[0][0] for windows in (both, first, second)]
    assert scores[0] > max(scores[1:])


def test_many_passages_are_matched_in_blocks(encoder):
    texts = [[f"note {number} about pipes"] for number in range(600)]
    (found,) = match(encoder, ["note 399"], [list(range(600))], tokens_of(encoder, texts))
    assert sorted(found) == list(range(600))
    assert max(found, key=lambda passage: found[passage]) == 399


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30))
def test_equal_matches_change_no_order(scores):
    old = np.array(scores, dtype=np.float32)
    new = blend(old, np.full(len(old), 0.3, dtype=np.float32), 0.7)
    assert all(new[a] >= new[b] for a in range(len(old)) for b in range(len(old)) if old[a] > old[b])


def test_matches_count_by_their_weight():
    up = np.array([1, 2, 3], dtype=np.float32)
    standard = (up - 2) / up.std()
    assert blend(up, -up, 0.7).tolist() == pytest.approx((0.3 * standard).tolist())
    assert blend(up, up, 0.0).tolist() == pytest.approx(standard.tolist())


def test_the_others_move_below_the_reranked():
    old, new = np.array([5, 4], dtype=np.float32), np.array([-1, 1], dtype=np.float32)
    assert 4 + shift(old, new) == new.min()
    assert shift(old[:0], new[:0]) == 0.0


_HALF_A_MIB = (1 << 19) // 4  # numbers in fp32


class Encoding:
    """Gives each passage its number, half a MiB of it, and notes what it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, passages):
        self.asked.append(list(passages))
        return (np.full((1, _HALF_A_MIB), passage, dtype=np.float32) for passage in passages)


def numbers(kept, *passages):
    return [int(vectors[0, 0]) for vectors in kept(passages)]


def test_what_is_kept_is_not_encoded_again():
    encoding = Encoding()
    kept = TokenCache(encoding, memory=2)
    assert numbers(kept, 1, 2, 3) == [1, 2, 3]
    assert numbers(kept, 2, 4, 1) == [2, 4, 1]
    assert encoding.asked == [[1, 2, 3], [4]]


def test_what_was_asked_for_longest_ago_goes_first():
    encoding = Encoding()
    kept = TokenCache(encoding, memory=1)  # two of them
    for passages in ((1, 2), (1,), (3,), (1, 2)):
        assert numbers(kept, *passages) == list(passages)
    assert encoding.asked == [[1, 2], [], [3], [2]]


@pytest.mark.parametrize("memory", [0, 1])
def test_more_than_there_is_room_for_is_given_all_the_same(memory):
    kept = TokenCache(Encoding(), memory)
    assert numbers(kept, *range(20)) == list(range(20))
    assert numbers(kept, 19, *range(19)) == [19, *range(19)]
