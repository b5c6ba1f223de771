from __future__ import annotations

import numpy as np
import pytest

from embedtune.errors import ConfigError
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.search import Units
from embedtune.retrieval.windows import Windows
from embedtune.serving.dense import InMemory
from embedtune.serving.engines import ByMeaning, ByWords, Found, Fused, TokenCache
from embedtune.serving.hits import Parts
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex
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
        RunIndex(run, token_memory=-1)


TEXTS = ["fill the tank", "the lamp blinks", "rinse the bowl"]
UNITS = Units(["a", "b", "c"], np.arange(3))


class Axes:
    """Encodes a query as the axis that its first letter names."""

    def encode_queries(self, texts):
        return np.eye(3, dtype=np.float32)[["xyz".index(text[0]) for text in texts]]


DENSE = InMemory(np.eye(3, dtype=np.float32), Windows(TEXTS, np.arange(3)), UNITS)


def test_words_find_only_what_shares_one():
    found = ByWords(BM25(TEXTS), UNITS).search(["lamp", "piano"], 3)
    assert [[(each.passage_id, each.parts) for each in row] for row in found] == [[("b", Parts(None, 1))], []]


def test_meaning_ranks_everything():
    assert ByMeaning(Axes(), DENSE).search(["z"], 1) == [[Found("c", 1.0, Parts(1, None))]]


def test_fusion_tells_both_ranks():
    (row,) = Fused("rrf", Axes(), DENSE, BM25(TEXTS), UNITS, 0.5).search(["x lamp"], 3)
    assert {each.passage_id: each.parts for each in row} == {"a": Parts(1, None), "b": Parts(2, 1), "c": Parts(2, None)}
