from __future__ import annotations

import json

import pytest

from embedtune.errors import ConfigError
from embedtune.export.towers import save_tokenizer, towers_of
from embedtune.models.encoder import load_model


def model_of(run):
    return load_model(run / "model" / "merged", device="cpu")


@pytest.mark.parametrize(("method", "names"), [("lora", ["model"]), ("linear", ["query", "document"])])
def test_each_encoder_is_a_chain_of_plain_modules(served_run, method, names):
    towers = towers_of(model_of(served_run(method)))
    assert [tower.name for tower in towers] == names
    assert {tower.dimension for tower in towers} == {64}


def test_what_no_engine_has_is_refused(served_run):
    with pytest.raises(ConfigError, match="HybridVector, a module of embedtune"):
        towers_of(model_of(served_run("hybrid-vector")))
    with pytest.raises(ConfigError, match="--dimension: expected a number from 1 to 64, found 65"):
        towers_of(model_of(served_run("lora")), 65)


def test_the_tokenizer_cuts_and_pads(tower, tmp_path):
    save_tokenizer(tower, tmp_path)
    written = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert written["truncation"]["max_length"] == tower.max_tokens
    assert written["padding"]["pad_token"] == tower.model.tokenizer.pad_token
