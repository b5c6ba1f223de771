"""A copy in bf16 gives nearly the same vectors and leaves the model alone."""

from __future__ import annotations

import torch

from embedtune.models.bf16 import can_compute_in_bf16, in_bf16
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.quantisation import load_quantised
from tests.tiny_bases import make_tiny

TEXTS = ["the kettle boils", "a refund takes five days, and a parcel that is lost takes ten", "ok"]


def test_vectors_differ_a_little_and_the_model_not_at_all(model_folder):
    model = load_model(model_folder)
    before = model.encode(TEXTS, normalize_embeddings=True)
    half = in_bf16(model)
    vectors = half.encode(TEXTS, normalize_embeddings=True)
    assert (vectors * before).sum(axis=1).min() > 0.9995
    assert vectors.dtype == "float32"
    assert (model.encode(TEXTS, normalize_embeddings=True) == before).all()
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert half.tokenizer is model.tokenizer


def test_a_shorter_limit_and_prompts_hold_for_both(model_folder):
    model = load_model(model_folder)
    model.max_seq_length, model.prompts = 16, {"query": "query: ", "document": ""}
    encoders = [Encoder(model, precision=precision) for precision in ("fp32", "bf16")]
    text = " ".join(["word"] * 40)
    by_precision = [encoder.encode_queries([text]) for encoder in encoders]
    assert (by_precision[0] * by_precision[1]).sum() > 0.9995
    assert (by_precision[0] * encoders[1].encode_documents([text])).sum() < 0.9995


def test_quantised_weights_are_computed_by_autocast(model_folder):
    model = load_quantised(model_folder, "int8")
    assert not can_compute_in_bf16(model)
    assert Encoder(model, precision="bf16").encode_queries(TEXTS).shape == (3, model.get_embedding_dimension())


def test_rotary_positions_keep_their_precision(tmp_path):
    model = load_model(make_tiny(tmp_path, "llama"))
    half = in_bf16(model)
    buffers = dict(half[0].named_buffers())
    assert any("inv_freq" in name for name in buffers)
    assert torch.bfloat16 not in {buffer.dtype for buffer in buffers.values()}
    assert {weight.dtype for weight in half[0].parameters()} == {torch.bfloat16}
    text = " ".join(["word"] * 60)
    vectors = [each.encode([text], normalize_embeddings=True) for each in (model, half)]
    assert (vectors[0] * vectors[1]).sum() > 0.999


def test_several_threads_may_encode(model_folder):
    from concurrent.futures import ThreadPoolExecutor

    encoder = Encoder(load_model(model_folder), precision="bf16")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: encoder.encode_queries(TEXTS), range(8)))
    assert all((vectors == found[0]).all() for vectors in found)
