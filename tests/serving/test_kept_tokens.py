"""What is kept, what is encoded again, and that answers do not depend on it."""

import numpy as np
import pytest

from embedtune.errors import ConfigError
from embedtune.serving.kept_tokens import KeptTokens
from embedtune.serving.opened_run import OpenedRun
from embedtune.serving.retriever import Retriever
from tests.served_runs import QUERIES

_HALF_A_MIB = (1 << 19) // 4  # numbers in fp32


@pytest.fixture(scope="module")
def run(served_run):
    return served_run("query-lora", prompts=True, evaluated=True)


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
    kept = KeptTokens(encoding, memory=2)
    assert numbers(kept, 1, 2, 3) == [1, 2, 3]
    assert numbers(kept, 2, 4, 1) == [2, 4, 1]
    assert encoding.asked == [[1, 2, 3], [4]]


def test_what_was_asked_for_longest_ago_goes_first():
    encoding = Encoding()
    kept = KeptTokens(encoding, memory=1)  # two of them
    for passages in ((1, 2), (1,), (3,), (1, 2)):
        assert numbers(kept, *passages) == list(passages)
    assert encoding.asked == [[1, 2], [], [3], [2]]


@pytest.mark.parametrize("memory", [0, 1])
def test_more_than_there_is_room_for_is_given_all_the_same(memory):
    kept = KeptTokens(Encoding(), memory)
    assert numbers(kept, *range(20)) == list(range(20))
    assert numbers(kept, 19, *range(19)) == [19, *range(19)]


def test_answers_are_the_same_whatever_was_asked_before(run):
    kept, afresh = (Retriever.from_run(run, "rerank_base", token_memory=memory) for memory in (64, 0))
    for query in (*QUERIES[:6], *QUERIES[:6]):
        mine, theirs = (
            {hit.passage.passage_id: hit.score for hit in each.retrieve(query, 20)} for each in (kept, afresh)
        )
        # As over a store: a random model's cosines lie close together, and batches of other lengths round their last bits.
        assert mine == pytest.approx(theirs, abs=2e-4)


def test_less_than_no_memory_is_refused(run):
    with pytest.raises(ConfigError, match="expected 0 MiB or more, found -1"):
        OpenedRun(run, token_memory=-1)
