from __future__ import annotations

import numpy as np

from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.systems import Units
from embedtune.retrieval.windows import Windows
from embedtune.serving.dense import InMemory
from embedtune.serving.engines import ByMeaning, ByWords, Found, Fused
from embedtune.serving.hits import Parts

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
