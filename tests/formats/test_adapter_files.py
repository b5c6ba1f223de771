"""Adapters that somebody else wrote: settings that load other models, names of pickles, sizes without end, weights that lack."""

import json

import pytest
import torch
from peft import LoraConfig, TaskType, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from embedtune.errors import ConfigError
from embedtune.formats.adapter_files import CONFIG, WEIGHTS, put_adapter, read_adapter


class Small(nn.Module):
    """A module with one layer of a name."""

    def __init__(self):
        super().__init__()
        self.query = nn.Linear(4, 4)
        self.config = {"model_type": "small"}

    def forward(self, given):
        return self.query(given)


@pytest.fixture
def adapter(tmp_path):
    config = LoraConfig(task_type=TaskType.FEATURE_EXTRACTION, r=2, target_modules=["query"], init_lora_weights=False)
    get_peft_model(Small(), config).save_pretrained(str(tmp_path))
    return tmp_path


def test_what_peft_writes_is_read(adapter):
    assert read_adapter(adapter)["r"] == 2
    model = Small()
    before = model(torch.ones(4))
    first = put_adapter(model, adapter, "first")
    assert put_adapter(model, adapter, "second", first) is first
    assert not torch.equal(model(torch.ones(4)), before)


@pytest.mark.parametrize(
    "setting",
    [
        {"peft_type": "XLORA", "adapters": {"a": "somebody/else"}},
        {"peft_type": "PROMPT_TUNING", "tokenizer_name_or_path": "somebody/else"},
        {"peft_type": ["LORA"]},
        {"r": 10**9},
        {"r": "16"},
        {"r": 2.5},
        {"r": True, "lora_alpha": float("nan")},
        {"lora_alpha": 1e300},
        {"target_modules": "(a+)+$"},
        {"target_modules": [5]},
        {"rank_pattern": {"(a+)+$": 8}},
        {"megatron_config": {"a": 1}, "megatron_core": "megatron.antigravity"},
        {"megatron_core": "antigravity"},
        {"eva_config": {"rho": 1}},
        {"loftq_config": {"loftq_bits": 4}},
        {"init_lora_weights": "pissa"},
        {"layer_replication": [[0, 10**6]]},
        {"modules_to_save": ["query"]},
        {"auto_mapping": {"base_model_class": "X", "parent_library": "antigravity"}},
        {"base_model_name_or_path": ["a"]},
        {"use_dora": "yes"},
    ],
    ids=repr,
)
def test_settings_that_are_not_ours_are_refused(adapter, setting):
    config = json.loads((adapter / CONFIG).read_text())
    (adapter / CONFIG).write_text(json.dumps(config | setting))
    with pytest.raises(
        ConfigError, match=r"adapter_config\.json: expected LoRA or IA3 of layers that are named, found"
    ):
        put_adapter(Small(), adapter)


@pytest.mark.parametrize("text", ["[]", "null", "", "[" * 100_000, "\xff"])
def test_a_broken_configuration_is_one_sentence(adapter, text):
    (adapter / CONFIG).write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"adapter_config\.json: expected LoRA or IA3"):
        read_adapter(adapter)


def test_weights_are_never_pickled(adapter):
    torch.save(load_file(adapter / WEIGHTS), adapter / "adapter_model.bin")
    (adapter / WEIGHTS).unlink()
    with pytest.raises(ConfigError, match=r"expected adapter_model\.safetensors, found none"):
        put_adapter(Small(), adapter)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda saved: saved | {name: torch.full_like(value, torch.nan) for name, value in saved.items()},
            "not finite",
        ),
        (lambda saved: dict(list(saved.items())[:1]), "found 1 others"),
        (lambda saved: {name.replace("query", "other"): value for name, value in saved.items()}, "found 4 others"),
        (
            lambda saved: {name: value[:, :1].contiguous() for name, value in saved.items()},
            "expected an adapter of this base",
        ),
        (lambda saved: {}, "found 2 others"),
    ],
)
def test_weights_are_all_of_it(adapter, change, found):
    saved = load_file(adapter / WEIGHTS)
    save_file(change(saved), adapter / WEIGHTS)
    with pytest.raises(ConfigError, match=found):
        put_adapter(Small(), adapter)


def test_bytes_that_are_no_weights(adapter):
    (adapter / WEIGHTS).write_bytes(b"\xff" * 100)
    with pytest.raises(ConfigError, match="expected an adapter of this base, found"):
        put_adapter(Small(), adapter)
