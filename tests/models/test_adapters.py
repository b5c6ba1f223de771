import json

import numpy as np
import pytest
import torch

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.models import adapters
from embedtune.models.quantisation import load_quantised

TEXTS = ["Drain the boiler before the first frost.", "A refund takes five working days."]


@pytest.fixture
def adapted(base_folder, shake):
    model = load_quantised(base_folder, "none")
    before = model.encode(TEXTS)
    adapter = adapters.add_adapter(model, rank=4, alpha=8)
    shake(model)
    return model, adapter, before


def test_all_linear_layers_but_the_pooler_are_adapted(adapted):
    names = list(adapters.lora_layers(adapted[0]))
    assert len(names) == 6 * 6  # six layers of query, key, value, output, up and down
    assert not any("pooler" in name for name in names)


def test_only_the_adapter_is_trainable(adapted):
    trainable = [name for name, weight in adapted[0].named_parameters() if weight.requires_grad]
    assert len(trainable) == 2 * 36
    assert all("lora_" in name for name in trainable)


def test_strength_zero_is_the_base_and_strength_one_is_full(adapted):
    model, _, before = adapted
    full = model.encode(TEXTS)
    with adapters.strength(model, 0.0):
        assert np.allclose(model.encode(TEXTS), before, atol=1e-6)
    with adapters.strength(model, 0.5):
        half = model.encode(TEXTS)
    assert np.array_equal(model.encode(TEXTS), full)
    assert np.abs(full - before).max() > 1e-3
    assert np.abs(half - full).max() > 1e-3


def test_folding_makes_the_strength_permanent(adapted):
    model, _, _ = adapted
    with adapters.strength(model, 0.25):
        expected = model.encode(TEXTS)
    adapters.fold_strength(model, 0.25)
    assert np.allclose(model.encode(TEXTS), expected, atol=1e-6)


def test_update_is_the_scaled_product(adapted):
    layer = adapters.lora_layers(adapted[0])["encoder.layer.0.attention.self.query"]
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    assert torch.allclose(adapters.update_of(layer), 8 / 4 * product, atol=1e-6)


def test_restore_brings_back_a_snapshot(adapted, shake):
    model, _, _ = adapted
    kept, expected = adapters.snapshot(model), model.encode(TEXTS)
    shake(model, scale=0.2)
    assert np.abs(model.encode(TEXTS) - expected).max() > 1e-3
    adapters.restore(model, kept)
    assert np.array_equal(model.encode(TEXTS), expected)


def test_saved_adapter_names_the_base_and_is_the_same_bytes_every_time(adapted, tmp_path):
    _, adapter, _ = adapted
    for name in ("one", "two"):
        adapters.save_adapter(adapter, tmp_path / name, DEFAULT_MODEL)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == DEFAULT_MODEL
