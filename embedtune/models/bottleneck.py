"""Bottleneck adapters: a small residual network behind each layer of a frozen transformer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from embedtune.models.weights import find_layers


class Bottleneck(nn.Module):
    """h + U·gelu(D·h) (Houlsby et al. 2019; one behind each layer, as Pfeiffer et al. 2021 place it); U starts at zero."""

    def __init__(self, dimension: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(dimension, width)
        self.up = nn.Linear(width, dimension)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return hidden states ``(…, dimension)``."""
        added: Tensor = self.up(nn.functional.gelu(self.down(hidden.to(self.down.weight.dtype))))
        return hidden + added.to(hidden.dtype)


def attach(transformer: Any, *, width: int, layers: int | None) -> nn.ModuleList:
    """Put an adapter behind each of the upper layers of a transformer, or behind all, and return them.

    Raises ``ConfigError`` if its layers cannot be told.
    """
    blocks = find_layers(transformer)[-(layers or 0) :]
    dimension = int(transformer.config.hidden_size)
    adapters = nn.ModuleList(Bottleneck(dimension, width) for _ in blocks)
    for block, adapter in zip(blocks, adapters, strict=True):
        block.register_forward_hook(_through(adapter))
    return adapters


def _through(adapter: nn.Module) -> Any:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, tuple):
            return (adapter(output[0]), *output[1:])
        return adapter(output)

    return hook
