"""LoRA on all linear layers of an encoder: adding it, scaling it, keeping and saving it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

_ADAPTER = "default"
Weights = dict[str, "Tensor"]


def linear_layers(model: SentenceTransformer) -> list[str]:
    """Return the names of the linear layers that move an embedding.

    A BERT's pooler is left out: mean pooling never reads it. Names are looked up in the model itself, because peft knows no
    default targets for many encoders and only query and value for BERT.
    """
    from torch import nn

    transformer = model[0].model
    return [
        name
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and "pooler" not in name.split(".")
    ]


def add_adapter(model: SentenceTransformer, *, rank: int, alpha: int) -> PeftModel:
    """Put LoRA (Hu et al. 2021) into a model in place and freeze everything else.

    Returns:
        The peft wrapper around the same modules; it is needed to save the adapter.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=linear_layers(model),
    )
    return get_peft_model(model[0].model, config)


def lora_layers(model: SentenceTransformer) -> dict[str, LoraLayer]:
    """Return the layers that carry LoRA, by name within the transformer."""
    from peft.tuners.lora import LoraLayer

    return {name: module for name, module in model[0].model.named_modules() if isinstance(module, LoraLayer)}


def snapshot(model: SentenceTransformer) -> Weights:
    """Copy the trainable weights.

    The trainer's own best-checkpoint restore rebuilds the model unquantised and then keeps the last weights silently, so
    the best ones are kept here.
    """
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def restore(model: SentenceTransformer, weights: Weights) -> None:
    """Put copied weights back."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)


@contextmanager
def strength(model: SentenceTransformer, alpha: float) -> Iterator[None]:
    """Scale the update by α for a while: W = W₀ + α·ΔW (WiSE-FT, Wortsman et al. 2022); α = 0 is the quantised base."""
    layers = list(lora_layers(model).values())
    for layer in layers:
        layer.scale_layer(alpha)
    try:
        yield
    finally:
        for layer in layers:
            layer.unscale_layer()


def fold_strength(model: SentenceTransformer, alpha: float) -> None:
    """Multiply the update by α for good, so that any loader of the adapter gets the interpolated model."""
    import torch

    with torch.no_grad():
        for layer in lora_layers(model).values():
            layer.lora_B[_ADAPTER].weight.mul_(alpha)


def update_of(layer: LoraLayer) -> Tensor:
    """Return ΔW ``(out, in)`` of one layer in fp32."""
    update: Tensor = layer.get_delta_weight(_ADAPTER).detach().float()
    return update


def save_adapter(adapter: PeftModel, folder: Path, base_name: str) -> None:
    """Write a PEFT folder that names the base model as the user did, not by a path of this machine.

    The list of target layers is sorted, because peft keeps it as a set and the same adapter should be the same bytes.
    """
    adapter.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)  # peft's card is an empty form
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_name
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
