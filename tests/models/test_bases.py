"""Bases of every architecture train, merge, are saved and loaded again, and are served, with the same vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError
from embedtune.models.bf16 import in_bf16
from embedtune.models.encoder import load_model
from embedtune.models.inspect import read_dimension
from embedtune.models.quantisation import load_quantised, set_dropout
from embedtune.models.weights import two_towers
from embedtune.serving.adapters import FrozenBase
from embedtune.serving.embedder import Embedder
from embedtune.training.layers import fast_layers
from embedtune.training.methods.query_adapters import LinearQueryAdapter
from embedtune.training.tuned_models import Lora
from tests.tiny_bases import KINDS, make_tiny

TEXTS = ["Drain the boiler before the first frost.", "A refund of a card takes five working days or more.", "frost"]
PROMPTS = {"query_prompt": "Instruct: find it\nQuery: ", "document_prompt": "passage: "}
SCHEMES = {"none": 1e-5, "int8": 1e-5, "nf4": 1e-3}


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory) -> Path:
    return make_tiny(tmp_path_factory.mktemp(request.param), request.param)


def gradients(model: SentenceTransformer) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(dict(model.preprocess(TEXTS)))["sentence_embedding"].square().sin().sum().backward()
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_base_trains_merges_loads_and_is_served_with_the_same_vectors(folder, scheme, shake, tmp_path):
    tuned = Lora(load_quantised(folder, scheme), rank=4, alpha=8)
    model = tuned.model
    before = model.encode(TEXTS, normalize_embeddings=True)
    shake(model, scale=0.1)
    set_dropout(model.train(), 0.0)
    expected_gradients = gradients(model)
    with fast_layers(model):
        found_gradients = gradients(model)
    assert all("lora_" in name for name in found_gradients)
    assert all(gradient.norm() > 0 for gradient in expected_gradients.values())
    for name, gradient in expected_gradients.items():
        assert (found_gradients[name] - gradient).norm() <= 1e-4 * gradient.norm(), name
    model.eval()
    expected = model.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(expected - before).max() > 1e-3

    tuned.save_adapter(tmp_path / "adapter", "base")
    tuned.merge_into(load_model(folder)).save_pretrained(str(tmp_path / "merged"), create_model_card=False)
    plain = SentenceTransformer(str(tmp_path / "merged")).encode(TEXTS, normalize_embeddings=True)
    served = Embedder(tmp_path / "merged", GenerateConfig(source="")).encode_documents(TEXTS)
    shared = FrozenBase(folder, scheme, trust_remote_code=False, device="cpu")
    shared.switch(shared.add(tmp_path / "adapter"))
    for vectors in (plain, served, shared.encoder("fp32", {}).encode_documents(TEXTS)):
        assert vectors == pytest.approx(expected, abs=SCHEMES[scheme])
    assert read_dimension(tmp_path / "merged") == expected.shape[1]


def test_every_base_is_encoded_in_bf16_and_text_by_text_as_in_a_batch(folder):
    model = load_model(folder, **PROMPTS)
    vectors = model.encode_query(TEXTS, normalize_embeddings=True)
    alone = np.concatenate([model.encode_query([text], normalize_embeddings=True) for text in TEXTS])
    assert alone == pytest.approx(vectors, abs=1e-5)
    assert (in_bf16(model).encode_query(TEXTS, normalize_embeddings=True) * vectors).sum(axis=1).min() > 0.999


def test_a_map_of_queries_over_every_base_is_loaded_as_it_was(folder, tmp_path):
    base = load_model(folder, **PROMPTS)
    dimension = base.get_embedding_dimension()
    matrix = torch.eye(dimension) + 0.1 * torch.randn(dimension, dimension, generator=torch.Generator().manual_seed(0))
    adapter = LinearQueryAdapter(base, matrix)
    two_towers(adapter.model, base).save_pretrained(str(tmp_path), create_model_card=False)
    served = Embedder(tmp_path, GenerateConfig(source="", **PROMPTS))
    expected = adapter.model.encode_query(TEXTS, normalize_embeddings=True)
    mapped = base.encode_query(TEXTS, normalize_embeddings=True) @ matrix.numpy().T
    assert expected == pytest.approx(mapped / np.linalg.norm(mapped, axis=1, keepdims=True), abs=1e-5)
    assert served.encode_queries(TEXTS) == pytest.approx(expected, abs=1e-5)
    assert (served.encode_documents(TEXTS) == base.encode_document(TEXTS, normalize_embeddings=True)).all()


def test_a_tokenizer_that_can_neither_pad_nor_end_is_refused(tmp_path):
    folder = make_tiny(tmp_path, "unpadded")
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in config.items() if name != "eos_token"}))
    with pytest.raises(ConfigError, match="a padding token or an end token, found neither"):
        load_model(folder)
