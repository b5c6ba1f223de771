import numpy as np
import pytest
import torch

from embedtune.errors import ConfigError
from embedtune.models.quantisation import (
    choose_scheme,
    fix_mode,
    load_quantised,
    plain_weight,
    quantisation_arguments,
)
from embedtune.models.weights import add_adapter

TEXTS = ["Drain the boiler before the first frost.", "A refund takes five working days."]


def encode(model):
    return model.encode(TEXTS, normalize_embeddings=True)


def test_small_models_get_int8_and_large_ones_nf4():
    assert choose_scheme("auto", 22_000_000) == "int8"
    assert choose_scheme("auto", 300_000_000) == "nf4"
    assert choose_scheme("fp4", 22_000_000) == "fp4"
    assert choose_scheme("none", 8_000_000_000) == "none"


def test_quantisation_arguments_are_plain_values():
    assert quantisation_arguments("none") == {}
    assert quantisation_arguments("int8") == {"load_in_8bit": True}
    assert quantisation_arguments("nf4")["bnb_4bit_quant_type"] == "nf4"


@pytest.mark.parametrize(("scheme", "lowest"), [("none", 0.999999), ("int8", 0.99), ("nf4", 0.85), ("fp4", 0.8)])
def test_a_scheme_moves_vectors_no_further_than_expected(base_folder, scheme, lowest):
    plain, quantised = encode(load_quantised(base_folder, "none")), encode(load_quantised(base_folder, scheme))
    cosine = (plain * quantised).sum(axis=1).min()
    assert lowest < cosine
    assert scheme == "none" or cosine < 0.99999


@pytest.mark.parametrize("scheme", ["int8", "nf4", "fp4"])
def test_plain_weight_computes_what_the_quantised_layer_does(base_folder, scheme):
    layer = load_quantised(base_folder, scheme)[0].model.get_submodule("encoder.layer.0.intermediate.dense")
    inputs = torch.randn(5, 384, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = layer(inputs)
        found = torch.nn.functional.linear(inputs, plain_weight(layer), layer.bias)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("scheme", ["int8", "nf4"])
def test_encoding_before_training_leaves_the_gradients_as_they_are(base_folder, scheme):
    """The trap of bitsandbytes 0.50 on CPUs with AVX512-BF16: an evaluation forward repacks 4-bit weights."""

    def gradients(encode_first):
        torch.manual_seed(0)
        model = load_quantised(base_folder, scheme)
        add_adapter(model, rank=4, alpha=8)
        if encode_first:
            encode(model)
        model.train()
        features = model.preprocess(TEXTS)
        model(features)["sentence_embedding"].pow(3).sum().backward()
        return [weight.grad.clone() for weight in model.parameters() if weight.requires_grad]

    cold, warm = gradients(False), gradients(True)
    assert len(cold) == 2 * 36
    assert sum(float(gradient.abs().sum()) for gradient in cold) > 0
    assert all(torch.equal(one, other) for one, other in zip(cold, warm, strict=True))


@pytest.mark.parametrize("scheme", ["int8", "nf4"])
def test_vectors_are_the_same_before_and_after_a_training_mode(base_folder, scheme):
    model = load_quantised(base_folder, scheme)
    before = encode(model)
    model.train()
    model.eval()
    fix_mode(model)
    assert np.array_equal(encode(model), before)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"expected weights in \*.safetensors, found none"):
        load_quantised(tmp_path, "nf4")
