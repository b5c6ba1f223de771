"""Every update starts as the base, learns, is saved, and loads again with the same vectors, in this process and by its adapter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from embedtune.config.training import ADAPTED, UNQUANTISED, TrainConfig
from embedtune.errors import ConfigError
from embedtune.models.encoder import load_model
from embedtune.models.inspect import read_dimension
from embedtune.models.opening import open_model
from embedtune.models.quantisation import load_quantised, set_dropout
from embedtune.models.weights import in_shape_of
from embedtune.training.layers import fast_layers
from embedtune.training.reloading import load_with_adapter
from embedtune.training.updates.registry import UPDATES
from tests.tiny_bases import make_tiny

TEXTS = ["Drain the boiler before the first frost.", "A refund of a card takes five working days or more.", "frost"]
CONFIG = TrainConfig(lora_rank=4, lora_alpha=8, adapter_width=8, prompt_tokens=4)
SCHEMES = {"none": 1e-5, "int8": 1e-5, "nf4": 1e-3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: make_tiny(tmp_path_factory.mktemp(kind), kind) for kind in ("bert", "llama", "gpt2")}


def train(model, steps=3):
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=0.05)
    set_dropout(model.train(), 0.0)
    with fast_layers(model):
        for _ in range(steps):
            optimizer.zero_grad()
            vectors = torch.nn.functional.normalize(model(dict(model.preprocess(TEXTS)))["sentence_embedding"], dim=-1)
            (vectors @ vectors.T).sum().backward()
            optimizer.step()
    model.eval()


def encode(model):
    return model.encode(TEXTS, normalize_embeddings=True)


# int8 in the fast tests: lora over every architecture, in tests/models/test_bases.py.
@pytest.mark.parametrize("scheme", ["none", "nf4", pytest.param("int8", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", UPDATES)
def test_an_update_starts_as_the_base_and_loads_as_it_was_trained(folders, name, scheme, tmp_path):
    if (scheme != "none" and name in UNQUANTISED) or (name, scheme) == ("dora", "int8"):
        pytest.skip("needs whole weights, and the settings say so")
    folder = folders["llama" if name in ("prefix", "adaption-prompt") else "bert"]
    tolerance = SCHEMES[scheme]
    before = encode(load_quantised(folder, scheme))
    tuned = UPDATES[name].build(load_quantised(folder, scheme), CONFIG)
    if name != "prefix":  # whose first keys and values are random
        assert encode(tuned.model) == pytest.approx(before, abs=1e-4)
    train(tuned.model)
    assert np.abs(encode(tuned.model) - before).max() > 1e-3
    copy = load_model(folder)
    assert encode(tuned.merge_into(copy)) == pytest.approx(encode(tuned.model), abs=tolerance)
    half = encode(tuned.merge_into(copy, 0.5))  # into the same copy, as dev does
    tuned.fold(0.5)
    expected = encode(tuned.model)
    assert half == pytest.approx(expected, abs=tolerance)

    has_adapter = tuned.save_adapter(tmp_path / "adapter", "base")
    tuned.merge_into(load_model(folder)).save_pretrained(str(tmp_path / "merged"), create_model_card=False)
    loaded = open_model(tmp_path / "merged")
    assert encode(loaded) == pytest.approx(expected, abs=tolerance)
    assert read_dimension(tmp_path / "merged") == expected.shape[1]
    assert has_adapter == (name not in (*ADAPTED, *UNQUANTISED) or name == "pissa")
    if has_adapter:
        assert encode(load_with_adapter(folder, tmp_path / "adapter", scheme)) == pytest.approx(expected, abs=tolerance)
    if name not in ADAPTED:
        base = load_model(folder)
        same = in_shape_of(loaded, base)
        assert same.state_dict().keys() == loaded.state_dict().keys()
        assert encode(same) == pytest.approx(encode(base), abs=1e-6)


@pytest.mark.parametrize("name", ["lora", "ia3", "bottleneck", "full"])
def test_upper_layers_alone_can_be_trained(folders, name):
    tuned = UPDATES[name].build(load_quantised(folders["bert"], "none"), CONFIG.model_copy(update={"layers": 1}))
    trained = [each for each, weight in tuned.model.named_parameters() if weight.requires_grad]
    assert trained
    assert not any(".layer.0." in each or "embeddings." in each for each in trained)


@pytest.mark.parametrize("name", ["dora", "ia3", "prefix"])
def test_transposed_layers_are_updated_too(folders, name):
    tuned = UPDATES[name].build(load_quantised(folders["gpt2"], "none"), CONFIG)
    train(tuned.model)
    merged = tuned.merge_into(load_model(folders["gpt2"]))
    assert encode(merged) == pytest.approx(encode(tuned.model), abs=1e-5)


@pytest.mark.parametrize("name", ["prefix", "adaption-prompt"])
def test_trained_tokens_need_a_decoder(folders, name):
    with pytest.raises(ConfigError, match=rf"--method {name}: expected a decoder \(llama, .*found bert"):
        UPDATES[name].build(load_quantised(folders["bert"], "none"), CONFIG)


def test_lora_plus_gives_b_a_rate_of_its_own(folders):
    from embedtune.training.trainer import TrainingSettings, _lora_plus

    tuned = UPDATES["lora-plus"].build(load_quantised(folders["bert"], "none"), CONFIG)
    assert tuned.b_rate_ratio == 16
    settings = TrainingSettings(1e-4, 0.01, "fp32", 0, b_rate_ratio=tuned.b_rate_ratio)
    groups = _lora_plus(tuned.model, settings).param_groups
    assert sum(len(group["params"]) for group in groups if group["lr"] == 1e-4) == 12
    assert sum(len(group["params"]) for group in groups if group["lr"] == 16e-4) == 12


@pytest.mark.parametrize("name", UNQUANTISED)
def test_what_needs_whole_weights_refuses_a_quantisation(name):
    with pytest.raises(ConfigError, match=f"method {name} needs whole weights, so quantize must be none, it is int8"):
        TrainConfig(method=name, quantize="int8")


def test_dora_refuses_int8():
    with pytest.raises(ConfigError, match=r"method dora .*quantize must be none, nf4 or fp4"):
        TrainConfig(method="dora", quantize="int8")
