from __future__ import annotations

import numpy as np
import pytest

from embedtune.retrieval.search import Units
from embedtune.retrieval.windows import Windows
from embedtune.serving.dense import InMemory, InStore
from embedtune.serving.stores import StoredVectors

UNITS = Units(["a", "b", "c"], np.arange(3))
VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], dtype=np.float32)
OWNER = ["a", "b", "b", "c"]
QUERIES = np.array([[1, 0], [0, 1]], dtype=np.float32)


class Store:
    def search(self, vector, k):
        scores = VECTORS @ vector
        return [(OWNER[n], float(scores[n])) for n in np.argsort(-scores)[:k]]


@pytest.fixture(params=["memory", "store"])
def side(request):
    if request.param == "memory":
        return InMemory(VECTORS, Windows(list("wxyz"), np.array([0, 1, 3])), UNITS)
    return InStore(StoredVectors(Store(), UNITS.ids), UNITS, 3)


def test_passages_score_as_their_best_windows(side):
    assert side.scores(QUERIES) == pytest.approx(np.array([[1, 0.6, -1], [0, 1, 0]]))
    found = side.search(["q", "r"], QUERIES, 2)
    assert found["q"] == pytest.approx({"a": 1, "b": 0.6})
    assert found["r"]["b"] == pytest.approx(1)


def test_fusion_weighs_both_sides(side):
    lexical = np.array([[0, 0, 9]], dtype=np.float32)
    dense = side.scores(QUERIES[:1])
    assert side.fuse("hybrid", dense, lexical, 0.9)[0].argmax() == 0
    assert side.fuse("hybrid", dense, lexical, 0.1)[0].argmax() == 2
    assert side.fuse("rrf", dense, lexical, 0.5)[0] == pytest.approx([1 / 61, 1 / 62, 1 / 63 + 1 / 61])
