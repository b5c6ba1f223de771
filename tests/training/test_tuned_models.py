from __future__ import annotations

import pytest
import torch

from embedtune.models.quantisation import load_quantised
from embedtune.training.tuned_models import Full, Lora

TEXTS = ["Drain the boiler before the first frost.", "A refund takes five working days."]


@pytest.fixture
def base(base_folder):
    return load_quantised(base_folder, "none").eval()


@pytest.fixture(params=["lora", "full"])
def method(request, base_folder, shake):
    """A changed model: every layer a little, by either method."""
    model = load_quantised(base_folder, "none").eval()
    if request.param == "lora":
        lora = Lora(model, rank=4, alpha=8)
        shake(model)
        return lora
    full = Full(model)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("dense.weight"):
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return full


def encode(model):
    return torch.from_numpy(model.encode(TEXTS, normalize_embeddings=True))


def test_the_merged_model_computes_what_was_trained(method, base):
    before = encode(base)
    trained = encode(method.model)
    assert not torch.allclose(before, trained, atol=1e-2)
    assert torch.allclose(encode(method.merge_into(base)), trained, atol=1e-5)


def test_strength_nought_is_the_base_and_half_lies_between(method, base, base_folder):
    plain = load_quantised(base_folder, "none").eval()
    assert torch.allclose(encode(method.merge_into(plain, 0.0)), encode(base), atol=1e-5)
    weight = "0.model.encoder.layer.0.output.dense.weight"
    ends = [method.merge_into(plain, strength).get_parameter(weight).clone() for strength in (0.0, 0.5, 1.0)]
    assert torch.allclose(ends[1], (ends[0] + ends[2]) / 2, atol=1e-6)
    assert not torch.equal(ends[0], ends[2])


def test_a_folded_strength_is_there_for_good(method, base_folder):
    plain, other = (load_quantised(base_folder, "none").eval() for _ in range(2))
    half = encode(method.merge_into(plain, 0.5))
    method.fold(0.5)
    assert torch.allclose(encode(method.model), half, atol=1e-5)
    assert torch.allclose(encode(method.merge_into(other)), half, atol=1e-5)


def test_only_lora_has_an_adapter(method, tmp_path):
    saved = method.save_adapter(tmp_path / "adapter", "some/base")
    assert saved == isinstance(method, Lora) == (tmp_path / "adapter" / "adapter_config.json").exists()


def test_full_training_leaves_out_the_pooler_that_nothing_reads(base):
    Full(base)
    frozen = [name for name, parameter in base.named_parameters() if not parameter.requires_grad]
    assert frozen
    assert all("pooler" in name for name in frozen)
