"""Further answers by a cross-encoder made on the spot."""

from __future__ import annotations

import pytest

from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError
from tests.llm_runs import generate
from tests.llm_server import Script, ScriptedServer


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    """Return the folder of a cross-encoder with random weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from embedtune.config.settings import DEFAULT_MODEL
    from embedtune.models.locate import find_model

    folder = tmp_path_factory.mktemp("cross-encoder")
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(find_model(DEFAULT_MODEL)))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, max_position_embeddings=512, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_passages_that_score_no_lower_than_the_source_are_answers_too(
    document_folder, tiny_base, tmp_path, cross_encoder
):
    with ScriptedServer(Script()) as server:
        plain = generate(document_folder, tiny_base, server.url, tmp_path, limit=30).record
        record = generate(
            document_folder,
            tiny_base,
            server.url,
            tmp_path,
            limit=30,
            relabel="cross-encoder",
            cross_encoder=str(cross_encoder),
        ).record
    assert plain.llm.relabelled == 0
    assert record.llm.relabelled > 10
    dataset = read_dataset(tmp_path / "dataset")
    assert max(map(len, dataset.splits["dev"].qrels.values())) > 1
    side = {
        name: split
        for split in ("dev", "test")
        for judged in dataset.splits[split].qrels.values()
        for name in list(judged)[:1]
    }
    assert not side.keys() & {name for judged in dataset.splits["train"].qrels.values() for name in judged}


def test_no_cross_encoder(document_folder, tiny_base, tmp_path):
    with (
        ScriptedServer(Script()) as server,
        pytest.raises(ConfigError, match=r"llm\.cross_encoder: expected a cross-encoder"),
    ):
        generate(
            document_folder,
            tiny_base,
            server.url,
            tmp_path,
            limit=5,
            relabel="cross-encoder",
            cross_encoder=str(tmp_path / "none"),
        )
