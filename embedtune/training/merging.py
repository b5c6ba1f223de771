"""From quantised weights and an adapter to one plain model that computes the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedtune.training.adapters import lora_layers, update_of
from embedtune.training.quantisation import plain_weight

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn


def merge(tuned: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """Write W = dequantised W₀ + ΔW of every layer into an unquantised copy of the base.

    Adding ΔW to the original weights instead would make another function than the one that was trained and chosen on dev.

    Args:
        tuned: The quantised model with its adapter.
        base: The same model, unquantised; changed in place.

    Returns:
        ``base``, which now computes what ``tuned`` does.
    """
    import torch

    adapted = lora_layers(tuned)
    with torch.no_grad():
        for name, layer in _linear_layers(tuned).items():
            target = base[0].model.get_submodule(name)
            weight = plain_weight(layer)
            if name in adapted:
                weight = weight + update_of(adapted[name])
            target.weight.copy_(weight.to(target.weight.dtype))
    return base


def _linear_layers(model: SentenceTransformer) -> dict[str, nn.Module]:
    """Return the frozen linear layers by their name in a model without adapter."""
    from torch import nn

    adapted = lora_layers(model)
    layers: dict[str, nn.Module] = {name: layer.get_base_layer() for name, layer in adapted.items()}
    inside = tuple(f"{name}." for name in adapted)
    for name, module in model[0].model.named_modules():
        if isinstance(module, nn.Linear) and name not in layers and not name.startswith(inside):
            layers[name] = module
    return layers
