from __future__ import annotations

import numpy as np
import pytest

from embedtune.config.settings import GenerateConfig, TrainConfig
from embedtune.dataset import Dataset
from embedtune.models.encoder import Encoder
from embedtune.training.methods.data import TrainingData
from embedtune.types import Passage, Query, QuerySet


@pytest.fixture
def data(base):
    """Eight passages, of which the last two answer the two train queries; at most 100 are sampled."""
    passages = [Passage(f"p{n}", f"d{n}", "", f"The boiler number {n} is drained.", 0, 33) for n in range(102)]
    train = QuerySet(
        "train",
        [Query(f"q{n}", f"boiler {n}", "span") for n in (100, 101)],
        {"q100": {"p100": 1}, "q101": {"p101": 1, "p3": 0}},
        "passage",
    )
    encoded = []
    return TrainingData(
        config=TrainConfig(query_side={"max_passages": 100}),
        dataset_config=GenerateConfig(source="", window_tokens=48),
        dataset=Dataset(passages, {"train": train}),
        base=Encoder(base),
        encode_corpus=lambda texts, on_progress: encoded.append(texts) or np.zeros((len(texts), 2), dtype=np.float32),
    ), encoded  # fmt: skip


def test_the_corpus_is_encoded_once_and_its_sample_holds_every_answer(data):
    data, encoded = data
    corpus = data.frozen_corpus
    assert len(corpus.passages) == 100
    assert {100, 101} <= set(corpus.passages)
    assert corpus.vectors.shape == (100, 2)
    assert data.frozen_corpus is corpus
    assert len(encoded) == 1


def test_judgements_are_numbers_of_passages(data):
    data, _ = data
    assert data.relevant == {"q100": [100], "q101": [101]}
    assert data.sources_of(data.sample_queries()) == [100, 101]


def test_vectors_of_the_corpus_are_kept_for_eval(train):
    run, _, _ = train(method="query-lora", teacher="hybrid")
    assert len(list((run / ".vectors").glob("*.npy"))) == 1
