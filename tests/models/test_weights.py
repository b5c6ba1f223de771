from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import ConfigError
from embedtune.models.encoder import load_model
from embedtune.models.quantisation import load_quantised
from embedtune.models.weights import (
    Interpolation,
    add_adapter,
    fold_strength,
    in_shape_of,
    lora_layers,
    merge,
    restore,
    save_adapter,
    snapshot,
    strength,
    two_towers,
    update_of,
)
from embedtune.training.methods.query_adapters import LinearQueryAdapter

TOWER_TEXTS = ["where is the boiler", "refund of an invoice", "charge the battery"]


def test_a_saved_map_loads_with_stock_modules_and_passages_are_the_base_to_the_bit(base, matrix, tmp_path):
    tower = two_towers(LinearQueryAdapter(base, matrix).model, base)
    tower.save_pretrained(str(tmp_path / "model"))
    loaded = SentenceTransformer(str(tmp_path / "model"))
    assert np.array_equal(loaded.encode_document(TOWER_TEXTS), base.encode_document(TOWER_TEXTS))
    assert loaded.encode_query(TOWER_TEXTS) == pytest.approx(
        LinearQueryAdapter(base, matrix).model.encode_query(TOWER_TEXTS), abs=1e-5
    )
    assert np.array_equal(loaded.encode(TOWER_TEXTS), base.encode(TOWER_TEXTS))  # who knows no queries gets passages


def test_the_base_in_the_shape_of_two_towers_computes_what_the_base_does(base, matrix):
    tower = two_towers(LinearQueryAdapter(base, matrix).model, base)
    same = in_shape_of(tower, base)
    assert same.state_dict().keys() == tower.state_dict().keys()
    assert same.encode_query(TOWER_TEXTS) == pytest.approx(base.encode_query(TOWER_TEXTS), abs=1e-6)
    assert in_shape_of(base, base) is base


TEXTS = ["Drain the boiler before the first frost.", "A refund takes five working days.", "frost"]


@pytest.mark.parametrize("scheme", ["none", "int8", "nf4", "fp4"])
def test_merged_model_computes_what_base_and_adapter_do(base_folder, shake, scheme):
    tuned = load_quantised(base_folder, scheme)
    add_adapter(tuned, rank=4, alpha=8)
    shake(tuned)
    expected = tuned.encode(TEXTS)
    merged = merge(tuned, load_model(base_folder))
    assert np.abs(merged.encode(TEXTS) - expected).max() < 1e-5
    assert np.abs(load_model(base_folder).encode(TEXTS) - expected).max() > 1e-3
    assert not any("lora" in name for name, _ in merged.named_parameters())


def test_a_base_without_linear_layers_is_refused():
    with pytest.raises(ConfigError, match="expected linear layers for LoRA, found none in Dense"):
        add_adapter(SentenceTransformer(modules=[Dense(2, 2)]), rank=4, alpha=8)


def model(weight, n_out=2):
    dense = Dense(2, n_out, bias=False)
    with torch.no_grad():
        dense.linear.weight.copy_(torch.full((n_out, 2), weight))
    return SentenceTransformer(modules=[dense])


def value(found):
    (weight,) = found.state_dict().values()
    return weight.unique().item()


def test_the_line_between_two_models():
    line = Interpolation(model(1.0), model(3.0))
    assert [value(line.at(strength)) for strength in (0.25, 1.0, 0.5, 0.0)] == [1.5, 3.0, 2.0, 1.0]


def test_both_ends_are_exact():
    line = Interpolation(model(0.1), model(0.7))
    assert value(line.at(1.0)) == torch.tensor(0.7).item()
    assert value(line.at(0.0)) == torch.tensor(0.1).item()


def test_neither_model_is_changed():
    base, tuned = model(1.0), model(3.0)
    Interpolation(base, tuned).at(0.5)
    assert (value(base), value(tuned)) == (1.0, 3.0)


def test_prompts_are_those_of_the_tuned_model():
    tuned = model(3.0)
    tuned.prompts = {"query": "find: "}
    assert Interpolation(model(1.0), tuned).at(0.5).prompts["query"] == "find: "


def test_other_shapes_are_refused_with_the_weight():
    with pytest.raises(ConfigError, match=r"0\.linear\.weight as \(2, 2\) float32 in the base and \(3, 2\) float32"):
        Interpolation(model(1.0), model(1.0, n_out=3))


def test_other_types_are_refused():
    with pytest.raises(ConfigError, match=r"float32 in the base and \(2, 2\) float16"):
        Interpolation(model(1.0), model(1.0).half())


def test_other_names_are_refused():
    two = SentenceTransformer(modules=[Dense(2, 2, bias=False), Dense(2, 2, bias=False)])
    with pytest.raises(ConfigError, match=r"1 that only one has, such as 1\.linear\.weight"):
        Interpolation(model(1.0), two)


ADAPTED_TEXTS = ["Drain the boiler before the first frost.", "A refund takes five working days."]


@pytest.fixture
def adapted(base_folder, shake):
    model = load_quantised(base_folder, "none")
    before = model.encode(ADAPTED_TEXTS)
    adapter = add_adapter(model, rank=4, alpha=8)
    shake(model)
    return model, adapter, before


def test_all_linear_layers_but_the_pooler_are_adapted(adapted):
    names = list(lora_layers(adapted[0]))
    assert len(names) == 6 * 6  # six layers of query, key, value, output, up and down
    assert not any("pooler" in name for name in names)


def test_only_the_adapter_is_trainable(adapted):
    trainable = [name for name, weight in adapted[0].named_parameters() if weight.requires_grad]
    assert len(trainable) == 2 * 36
    assert all("lora_" in name for name in trainable)


def test_strength_zero_is_the_base_and_strength_one_is_full(adapted):
    model, _, before = adapted
    full = model.encode(ADAPTED_TEXTS)
    with strength(model, 0.0):
        assert np.allclose(model.encode(ADAPTED_TEXTS), before, atol=1e-6)
    with strength(model, 0.5):
        half = model.encode(ADAPTED_TEXTS)
    assert np.array_equal(model.encode(ADAPTED_TEXTS), full)
    assert np.abs(full - before).max() > 1e-3
    assert np.abs(half - full).max() > 1e-3


def test_folding_makes_the_strength_permanent(adapted):
    model, _, _ = adapted
    with strength(model, 0.25):
        expected = model.encode(ADAPTED_TEXTS)
    fold_strength(model, 0.25)
    assert np.allclose(model.encode(ADAPTED_TEXTS), expected, atol=1e-6)


def test_update_is_the_scaled_product(adapted):
    layer = lora_layers(adapted[0])["encoder.layer.0.attention.self.query"]
    product = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    assert torch.allclose(update_of(layer), 8 / 4 * product, atol=1e-6)


def test_restore_brings_back_a_snapshot(adapted, shake):
    model, _, _ = adapted
    kept, expected = snapshot(model), model.encode(ADAPTED_TEXTS)
    shake(model, scale=0.2)
    assert np.abs(model.encode(ADAPTED_TEXTS) - expected).max() > 1e-3
    restore(model, kept)
    assert np.array_equal(model.encode(ADAPTED_TEXTS), expected)


def test_saved_adapter_names_the_base_and_is_the_same_bytes_every_time(adapted, tmp_path):
    _, adapter, _ = adapted
    for name in ("one", "two"):
        save_adapter(adapter, tmp_path / name, DEFAULT_MODEL)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == DEFAULT_MODEL
