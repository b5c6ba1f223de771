from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.export.formats import FORMATS
from embedtune.models.encoder import Encoder, load_model

TEXTS = ["the lamp blinks orange", "rinse the tank twice"]


@pytest.mark.parametrize("method", ["lora", "linear"])
def test_half_precision_is_stored_and_single_precision_computed(served_run, tmp_path, method):
    model = load_model(served_run(method, prompts=True) / "model" / "merged", device="cpu")
    expected = Encoder(model).encode_queries(TEXTS)
    FORMATS["safetensors-bf16"].write(model, tmp_path / "half", None)
    loaded = SentenceTransformer(str(tmp_path / "half"))
    assert {str(weight.dtype) for weight in loaded.parameters()} == {"torch.float32"}
    found = loaded.encode_query(TEXTS, normalize_embeddings=True)
    assert 1e-6 < np.abs(found - expected).max() < 0.02
    with FORMATS["safetensors-bf16"].load(tmp_path / "half") as engine:
        assert np.abs(engine.encode_queries(TEXTS) - found).max() < 1e-5


@pytest.mark.parametrize("method", ["lora", "linear"])
def test_cut_vectors_load_anywhere(served_run, tmp_path, method):
    model = load_model(served_run(method, prompts=True) / "model" / "merged", device="cpu")
    expected = Encoder(model).encode_documents(TEXTS)[:, :16]
    FORMATS["safetensors-fp32"].write(model, tmp_path / "cut", 16)
    found = SentenceTransformer(str(tmp_path / "cut")).encode_document(TEXTS, normalize_embeddings=True)
    assert np.abs(found - expected / np.linalg.norm(expected, axis=1, keepdims=True)).max() < 1e-5
