from __future__ import annotations

import numpy as np
import pytest

from embedtune.export.parity import as_rows, ask, compare, draw_sample, mean_ndcg
from embedtune.models.encoder import Encoder
from embedtune.types import Passage, Query, QuerySet

TEXTS = [
    f"passage {number} about {word}" for number, word in enumerate(["lamps", "tanks", "doors", "pumps", "keys"] * 8)
]


@pytest.fixture(scope="module")
def sample(tower):
    passages = [Passage(f"p{n}", f"d{n}", "", text, 0, len(text)) for n, text in enumerate(TEXTS)]
    queries = [Query(f"q{n}", TEXTS[n], "typed") for n in (3, 30)]
    labelled = QuerySet("mine", queries, {"q3": {"p3": 1}, "q30": {"p30": 1}}, "passage")
    return draw_sample([labelled], passages, Encoder(tower.model), window_tokens=48, window_overlap=0.25, n_passages=12)


class Shuffled:
    """An engine whose vectors have nothing to do with the texts."""

    def encode_queries(self, texts):
        return self.encode_documents(texts)

    def encode_documents(self, texts):
        vectors = np.random.default_rng(0).normal(size=(len(texts), 64)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_judged_passages_are_always_drawn(sample):
    assert len(sample.passages) == 12
    assert {"p3", "p30"} <= {passage.passage_id for passage in sample.passages}


def test_the_same_engine_loses_nothing_and_another_much(sample, tower, tmp_path):
    (tmp_path / "weights").write_bytes(bytes(1000))
    wanted = ask(Encoder(tower.model), sample)
    same = compare("same", "torch", tmp_path, sample, wanted, ask(Encoder(tower.model), sample), 0.0)
    assert (same.passed, same.same_top_ten, same.ndcg_loss, same.bytes) == (True, 1, 0, 1000)
    other = compare("other", "none", tmp_path, sample, wanted, ask(Shuffled(), sample), 0.0)
    assert not other.passed and other.cosine < 0.5
    assert other.ndcg_loss == pytest.approx(100 * (mean_ndcg(sample, wanted) - other.ndcg))
    head, first, second = as_rows([same, other])
    assert len(head) == len(first) and second[0] == "other refused"
