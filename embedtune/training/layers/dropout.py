"""Dropout with masks drawn from bytes.

torch draws a 64-bit random number for each value on a CPU, which takes a quarter of a training step of MiniLM; a byte is
enough for a probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_LEVELS = 256


def draw_bytes(shape: torch.Size) -> Tensor:
    """Return random bytes, seeded by torch's random state: a training resumed from that state draws the same."""
    seed = int(torch.randint(2**62, ()))
    words = np.random.SFC64(seed).random_raw(-(-shape.numel() // 8))
    return torch.from_numpy(words.view(np.uint8)[: shape.numel()]).view(shape)


def mask_of(drawn: Tensor, probability: float, dtype: torch.dtype) -> Tensor:
    """Return 0 for values that are dropped and 1 for others; the probability is rounded to a multiple of 1/256."""
    # In the type of what it is multiplied with: booleans would be converted first, for more than the product takes.
    return torch.ge(drawn, _level(probability), out=torch.empty(drawn.shape, dtype=dtype))


def kept_share(probability: float) -> float:
    """Return the share of values that ``mask_of`` keeps."""
    return 1 - _level(probability) / _LEVELS


def _level(probability: float) -> int:
    return min(_LEVELS - 1, round(probability * _LEVELS))


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, probability: float) -> Tensor:
        drawn = draw_bytes(values.shape)
        ctx.save_for_backward(drawn)
        ctx.probability = probability
        return (values * mask_of(drawn, probability, values.dtype)).div_(kept_share(probability))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (drawn,) = ctx.saved_tensors
        mask = mask_of(drawn, ctx.probability, gradient.dtype)
        return (gradient * mask).div_(kept_share(ctx.probability)), None


def dropout(layer: nn.Dropout, values: Tensor) -> Tensor:
    """Compute what a dropout layer computes."""
    if not layer.training or not _level(layer.p) or values.device.type != "cpu":
        return nn.functional.dropout(values, layer.p, layer.training)
    dropped: Tensor = _Dropout.apply(values, layer.p)  # type: ignore[no-untyped-call]
    return dropped
