from __future__ import annotations

import pytest

import embedtune


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


def test_too_few_queries_for_a_batch_are_named(train):
    with pytest.raises(embedtune.DataError, match="at least 5000 train queries"):
        train(method="query-lora", query_side={"batch_size": 5000})


def _cross_encoder(folder, base):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, max_position_embeddings=256, **shape)
    BertForSequenceClassification(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder
