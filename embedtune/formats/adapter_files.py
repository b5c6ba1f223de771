"""Adapters that lie in a folder, which somebody else may have written: what peft may read there, and what must be in it.

Configurations of peft can name other models and adapters, which it then loads, patterns to search with, and layers of any
size. Ours are LoRA or (IA)³ of one rank over layers that are named, and this is all that is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import ConfigError
from embedtune.regular import open_regular, read_json

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor, nn

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_MOST_BYTES = 1_000_000  # of a configuration
_MAX_RANK = 4096
_MAX_MODULES = 10_000
_OWN = frozenset({"task_type", "base_model_name_or_path", "inference_mode", "peft_type", "peft_version", "revision"})
_FLAGS = frozenset({"fan_in_fan_out", "use_rslora", "use_dora"})
_NAMED = ("target_modules", "feedforward_modules")
_RANGES = {"r": (1, _MAX_RANK), "lora_alpha": (0, 1e6), "lora_dropout": (0, 1)}
_FAULTS = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What peft and safetensors end in where names, shapes or bytes are not those of an adapter."""


def read_adapter(folder: Path) -> Mapping[str, Any]:
    """Return the configuration of an adapter of the kinds that this package writes.

    Raises:
        ConfigError: If it is of another kind, has settings that load or compute something else, or weights of pickles.
    """
    if not (folder / WEIGHTS).is_file():  # peft would ask the hub, or unpickle
        raise ConfigError(f"{folder}: expected {WEIGHTS}, found none")
    try:
        config = read_json(folder / CONFIG, _MOST_BYTES)
        problem = _problem(config)
    except (OSError, ValueError, RecursionError, TypeError) as error:
        problem = str(error).partition("\n")[0][:200]
    if problem:
        raise ConfigError(f"{folder / CONFIG}: expected LoRA or IA3 of layers that are named, found {problem}")
    return dict(config)


def put_adapter(model: nn.Module, folder: Path, name: str = "default", onto: PeftModel | None = None) -> PeftModel:
    """Put a saved adapter into a model, or beside the adapters that it has already.

    Args:
        model: A transformer, changed in place.
        folder: Of the adapter.
        name: Of the adapter in the model.
        onto: What this function returned for the first adapter of the model.

    Raises:
        ConfigError: As ``read_adapter``, or if the weights are not all of this adapter, or not finite.
    """
    from peft import PeftModel, get_peft_model_state_dict

    read_adapter(folder)
    saved = read_weights(folder)
    try:
        if onto is None:
            onto = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
        else:
            onto.load_adapter(str(folder), adapter_name=name)
        own = get_peft_model_state_dict(onto, adapter_name=name, save_embedding_layers=False)
    except _FAULTS as error:
        raise _not_of_this_base(folder, error) from error
    if other := sorted(own.keys() ^ saved.keys()):  # peft only warns, and computes without them
        raise ConfigError(
            f"{folder}: expected the weights of its layers, found {len(other)} others, such as {other[0]}"
        )
    return onto


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of an adapter by their names. Raises ``ConfigError`` if they cannot be read, or are not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        open_regular(folder / WEIGHTS).close()
        saved = load_file(folder / WEIGHTS)
    except (*_FAULTS, SafetensorError) as error:
        raise _not_of_this_base(folder, error) from error
    if any(not value.isfinite().all() for value in saved.values()):
        raise ConfigError(f"{folder}: expected numbers as weights, found one that is not finite")
    return saved


def _not_of_this_base(folder: Path, error: Exception) -> ConfigError:
    said = " ".join(str(error).split())[:200]
    return ConfigError(f"{folder}: expected an adapter of this base, found: {said}")


def _problem(config: Any) -> str | None:
    """Return what is wrong with a configuration, or None."""
    from peft import IA3Config, LoraConfig

    if not isinstance(config, dict):
        return type(config).__name__
    kind = {"LORA": LoraConfig, "IA3": IA3Config}.get(str(config.get("peft_type")))
    if kind is None:
        return f"peft_type {config.get('peft_type')!r:.80}"
    usual = kind().to_dict()
    return next(
        (f"{name!r:.80}: {value!r:.80}" for name, value in config.items() if not _is_plain(name, value, usual)), None
    )


def _is_plain(name: str, value: Any, usual: Mapping[str, Any]) -> bool:
    """Return whether a setting is one of ours, or has no effect."""
    if name in _OWN:
        return value is None or isinstance(value, str | bool)
    if name in _FLAGS:
        return isinstance(value, bool)
    if name in _RANGES:
        low, high = _RANGES[name]
        is_whole = name != "r" or isinstance(value, int)
        return isinstance(value, int | float) and is_whole and math.isfinite(value) and low <= value <= high
    if name in _NAMED:
        return isinstance(value, list) and len(value) <= _MAX_MODULES and all(isinstance(each, str) for each in value)
    return not value or value == usual.get(name)
