from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import embedtune
from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
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


def test_hardest_passages_are_those_of_the_best_ranks(data):
    data, _ = data
    data = replace(data, encode_corpus=lambda texts, on_progress: data.base.encode_documents(texts))
    queries = ["boiler 7", "drained", "the number"]
    hardest = data.hardest(queries)
    assert sorted(hardest) == data.frozen_corpus.passages
    assert hardest == data.hardest(queries)
    numbers = np.array(data.frozen_corpus.passages)
    cosines = data.base.encode_queries(queries) @ data.frozen_corpus.vectors.T
    assert set(numbers[cosines.argmax(axis=1)]) <= set(hardest[: 2 * len(queries)])
    assert 7 in hardest[: 2 * len(queries)]


def test_judgements_are_numbers_of_passages(data):
    data, _ = data
    assert data.relevant == {"q100": [100], "q101": [101]}
    assert data.sources_of(data.sample_queries()) == [100, 101]


def test_vectors_of_the_corpus_are_kept_for_eval(train):
    run, _, _ = train(method="query-lora", teacher="hybrid")
    assert len(list((run / ".vectors").glob("*.npy"))) == 1


def test_a_cross_encoder_teaches_from_a_sample_that_holds_every_source(train, numbered, tmp_path):
    folder = _cross_encoder(tmp_path / "judge", numbered[1])
    small = {**train.settings["query_side"], "max_passages": 100, "max_queries": 32, "epochs": 2}
    _, _, record = train(method="query-lora", teacher=f"cross-encoder:{folder}", query_side=small)
    assert record.teacher.startswith("cross-encoder:")
    assert record.queries == 32
    assert record.steps == len(record.losses) == 4


def test_an_unknown_teacher_is_refused():
    with pytest.raises(ValueError, match="teacher"):
        embedtune.TrainConfig(teacher="oracle")


def _cross_encoder(folder, base):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, max_position_embeddings=256, **shape)
    BertForSequenceClassification(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def test_a_train_query_that_is_a_passage_is_no_negative_of_itself(data):
    data, _ = data
    assert data.own == {"q100": [], "q101": []}
    data.dataset.splits["train"].queries[0] = Query("q100", data.dataset.passages[5].text, "source")
    fresh = TrainingData(data.config, data.dataset_config, data.dataset, data.base, data.encode_corpus)
    assert fresh.own == {"q100": [5], "q101": []}
