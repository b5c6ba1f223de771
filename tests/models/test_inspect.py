from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer

from embedtune.errors import ConfigError
from embedtune.models.encoder import load_model
from embedtune.models.inspect import find_query_map, inspect_model, read_dimension, read_prompts, retrieval_prompts
from embedtune.models.weights import two_towers
from embedtune.training.methods.query_adapters import LinearQueryAdapter
from tests.tiny_bases import make_tiny


@pytest.fixture
def copy(model_folder, tmp_path) -> Path:
    return shutil.copytree(model_folder, tmp_path / "model")


def test_size_of_the_default_model(model_folder):
    size = inspect_model(model_folder)
    assert (size.hidden, size.layers, size.heads) == (384, 6, 12)
    assert 22_000_000 < size.parameters < 23_500_000
    assert 90e6 < size.file_bytes < 92e6


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("config.json", "config.json: expected a file, found nothing"),
        ("tokenizer.json", "expected a tokenizer (tokenizer.json, vocab.txt, vocab.json, *.model), found none"),
        ("model.safetensors", "expected weights in *.safetensors, found none"),
    ],
)
def test_missing_file_is_named(copy, name, problem):
    for path in copy.rglob(name):
        if path.parent == copy:
            path.unlink()
    if name == "tokenizer.json":
        for path in [*copy.rglob("vocab.*"), *copy.rglob("*.model")]:
            path.unlink()
    with pytest.raises(ConfigError) as caught:
        inspect_model(copy)
    assert problem in str(caught.value)
    assert "again" in caught.value.hint


def test_everything_wrong_is_reported_at_once(copy):
    (copy / "config.json").write_text("[1]")
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ConfigError) as caught:
        inspect_model(copy)
    text = str(caught.value)
    assert "2 problems" in text
    assert "config.json: expected a JSON dict, found list" in text
    assert "model.safetensors: expected whole safetensors weights, found: " in text and "not fully covered" in text


@pytest.mark.parametrize("method", ["gptq", "awq"])
def test_packed_weights_are_refused_by_their_method(copy, method):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": method}}))
    with pytest.raises(ConfigError, match=f"expected whole weights, found weights quantised by {method}"):
        inspect_model(copy)


def as_weights(value):
    """Put a JSON value where a safetensors file has its head."""
    head = json.dumps({"x": value}).encode()
    return len(head).to_bytes(8, "little") + head


heads = st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists)


@given(data=st.binary(max_size=80) | heads.map(as_weights))
def test_any_weights_file_is_whole_or_refused(data, scratch):
    folder = scratch / "weights"
    folder.mkdir(exist_ok=True)
    (folder / "modules.json").write_text('[{"type": "sentence_transformers.models.StaticEmbedding", "path": ""}]')
    (folder / "model.safetensors").write_bytes(data)
    try:
        assert inspect_model(folder).file_bytes == len(data)
    except ConfigError as error:
        assert "safetensors" in str(error)


@pytest.mark.parametrize("method", ["lora", "query-lora", "linear", "hybrid-vector", "passage-residuals"])
def test_dimension_and_prompts_are_read_without_loading_the_model(served_run, method):
    merged = served_run(method, prompts=True) / "model" / "merged"
    model = load_model(merged)
    assert read_dimension(merged) == model.get_embedding_dimension()
    assert read_prompts(merged) == model.prompts


def test_passage_and_corpus_fill_an_empty_prompt_of_documents():
    assert retrieval_prompts({"query": "q", "passage": "p"}) == {"query": "q", "passage": "p", "document": "p"}
    assert retrieval_prompts({"document": "", "passage": "", "corpus": "c"})["document"] == "c"
    assert retrieval_prompts({"document": "d", "passage": "p"}) == {"document": "d", "passage": "p"}
    assert retrieval_prompts({"query": None}) == {"query": "", "document": ""}


@pytest.mark.parametrize("given", ["", "text: "])
def test_a_prompt_of_the_run_replaces_the_models_own_under_every_name(given):
    prompts = retrieval_prompts({"query": "q", "passage": "p"}, query_prompt="", document_prompt=given)
    assert prompts == {"query": "", "document": given, "passage": given}
    assert retrieval_prompts(prompts) == prompts  # as read back from the saved model


def test_the_map_of_queries_is_told_from_dense_layers_of_the_base(tmp_path):
    base = SentenceTransformer(str(make_tiny(tmp_path, "dense-head")))
    tower = two_towers(LinearQueryAdapter(base, torch.eye(24) * 2).model, base)
    tower.save_pretrained(str(tmp_path / "map"), create_model_card=False)
    found = find_query_map(tmp_path / "map")
    assert found is not None
    assert load_file(found)["linear.weight"][0, 0] == 2
    two_towers(base, base).save_pretrained(str(tmp_path / "two"), create_model_card=False)
    assert find_query_map(tmp_path / "two") is None
    assert read_dimension(tmp_path / "map") == 24
