"""Put the fast layers in the place of a model's own for the time of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from embedtune.machine import memory
from embedtune.models.quantisation import is_transposed, plain_weight
from embedtune.models.weights import ADAPTER, lora_layers
from embedtune.training.layers import attention
from embedtune.training.layers.dropout import dropout
from embedtune.training.layers.lora import lora_linear

if TYPE_CHECKING:
    from peft.tuners.lora import LoraLayer
    from sentence_transformers import SentenceTransformer

_KEPT_SHARE = 0.25  # of the memory left, for frozen weights that are kept as they are used


@contextmanager
def fast_layers(model: SentenceTransformer) -> Iterator[None]:
    """Train a model by the layers of this package within the context, on a CPU; elsewhere nothing changes.

    Its outputs and gradients stay what they were but for rounding, and but for the masks of dropout. Frozen weights that are
    quantised are read back once, and kept for the time of the training where they take less than a quarter of the memory left.
    """
    if model.device.type != "cpu":
        yield
        return
    with ExitStack() as stack:
        for layer in model.modules():
            if type(layer) is nn.Dropout:
                stack.enter_context(_replaced(layer, "forward", partial(dropout, layer)))
        stack.enter_context(_fast_attention(model))
        if adapted := _plain_lora(model):
            weights = [layer.get_base_layer() for layer in adapted]
            n_bytes = sum(2 * each.in_features * each.out_features for each in weights)
            is_kept = n_bytes < _KEPT_SHARE * memory().available
            for layer in adapted:
                stack.enter_context(_replaced(layer, "forward", _forward(layer, is_kept=is_kept)))
        yield


@contextmanager
def _replaced(module: nn.Module, name: str, value: Any) -> Iterator[None]:
    setattr(module, name, value)
    try:
        yield
    finally:
        delattr(module, name)


@contextmanager
def _fast_attention(model: SentenceTransformer) -> Iterator[None]:
    config = getattr(getattr(model[0], "model", None), "config", None)
    if config is None or getattr(config, "_attn_implementation", None) != "sdpa":
        yield
        return
    attention.register()
    config._attn_implementation = attention.NAME
    try:
        yield
    finally:
        config._attn_implementation = "sdpa"


def _plain_lora(model: SentenceTransformer) -> list[LoraLayer]:
    """Return the layers with LoRA as Hu et al. describe it: no variant, no dropout of its own, no transposed weight."""
    if getattr(model[0], "model", None) is None:
        return []
    return [
        layer
        for layer in lora_layers(model).values()
        if not is_transposed(layer.get_base_layer())
        and not layer.lora_variant
        and isinstance(layer.lora_dropout[ADAPTER], nn.Identity)
    ]


def _forward(layer: LoraLayer, *, is_kept: bool) -> Any:
    base = layer.get_base_layer()
    weight = _Kept(base) if is_kept else partial(_read, base)
    a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight

    def forward(x: Tensor) -> Tensor:
        return lora_linear(x, a, b, weight, base.bias, layer.scaling[ADAPTER])

    return forward


def _read(layer: nn.Module, dtype: torch.dtype) -> Tensor:
    return plain_weight(layer).to(dtype)


class _Kept:
    """A frozen weight, read once in each type."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self._weights: dict[torch.dtype, Tensor] = {}

    def __call__(self, dtype: torch.dtype) -> Tensor:
        if dtype not in self._weights:
            with torch.no_grad():
                self._weights[dtype] = _read(self._layer, dtype)
        return self._weights[dtype]
