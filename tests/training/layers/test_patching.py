"""Within the context a model computes the same, faster; after it the model is as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from embedtune.models.quantisation import load_quantised, set_dropout
from embedtune.models.weights import add_adapter, lora_layers
from embedtune.training.layers import fast_layers, patching

TEXTS = ["a short text", "one that is quite a bit longer than the other one, and goes on"]


def prepared(base: Path, scheme: str):
    model = load_quantised(base, scheme)
    torch.manual_seed(0)
    add_adapter(model, rank=4, alpha=8)
    with torch.no_grad():
        for layer in lora_layers(model).values():
            layer.lora_B["default"].weight.normal_(std=0.1)
    return model.train()


def step(model) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    vectors = model(model.preprocess(TEXTS))["sentence_embedding"]
    vectors.square().sin().sum().backward()
    return vectors.detach(), {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("scheme", ["none", "nf4"])
@pytest.mark.parametrize("is_kept", [True, False])
def test_outputs_and_gradients_stay(tiny_base, monkeypatch, scheme, is_kept):
    monkeypatch.setattr(patching, "_KEPT_SHARE", 0.25 if is_kept else 0.0)
    model = prepared(tiny_base, scheme)
    set_dropout(model, 0.0)
    vectors, gradients = step(model)
    with fast_layers(model):
        fast_vectors, fast_gradients = step(model)
    assert gradients.keys() == fast_gradients.keys()
    tolerance = {"none": 1e-5, "nf4": 2e-2}[scheme]  # bitsandbytes multiplies by its four bits in another precision
    torch.testing.assert_close(fast_vectors, vectors, atol=tolerance, rtol=tolerance)
    for name, gradient in gradients.items():
        assert (fast_gradients[name] - gradient).norm() <= 10 * tolerance * gradient.norm().clamp(min=1e-3), name


def test_the_model_is_as_before_whatever_happens(tiny_base):
    model = prepared(tiny_base, "none")
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    with pytest.raises(KeyError), fast_layers(model):
        assert model[0].model.config._attn_implementation != "sdpa"
        raise KeyError
    assert model[0].model.config._attn_implementation == "sdpa"
    assert {name: vars(module).keys() for name, module in model.named_modules()} == {
        name: attributes.keys() for name, attributes in before.items()
    }


def test_dropout_draws_the_same_from_the_same_state(tiny_base):
    model = prepared(tiny_base, "none")
    set_dropout(model, 0.2)
    with fast_layers(model):
        runs = []
        for _ in range(2):
            torch.manual_seed(1)
            runs.append(step(model)[0])
        assert torch.equal(*runs)
        assert not torch.equal(runs[0], step(model)[0])
