"""A LoRA layer's forward and backward pass in one function.

peft computes ``base(x) + B(A(x)) · scale`` from five operations, each with a copy of its input in another type and a tensor of
the output's size; bitsandbytes reads frozen weights back at every use. Here the update is added in place, nothing is kept but
the input and ``A(x)``, and frozen weights may be read once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Weight = Callable[[torch.dtype], Tensor]
"""Returns a frozen weight ``(out, in)`` in a type."""


class _LoraLinear(torch.autograd.Function):
    """x W₀ᵀ + b + s · (x Aᵀ) Bᵀ (Hu et al. 2021, equation 3); W₀ and b are frozen."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, a: Tensor, b: Tensor, weight: Weight, bias: Tensor | None, scale: float, dtype: torch.dtype
    ) -> Tensor:
        rows, down, up = x.reshape(-1, x.shape[-1]).to(dtype), a.to(dtype), (b * scale).to(dtype)
        hidden = rows @ down.T
        output = nn.functional.linear(rows, weight(dtype), None if bias is None else bias.to(dtype))
        output.addmm_(hidden, up.T)
        ctx.save_for_backward(rows, hidden, down, up)
        ctx.weight, ctx.scale, ctx.dtype, ctx.x = weight, scale, dtype, (x.shape, x.dtype)
        return output.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, hidden, down, up = ctx.saved_tensors
        shape, dtype = ctx.x
        of_output = gradient.reshape(-1, gradient.shape[-1]).to(ctx.dtype)
        of_hidden = of_output @ up
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = of_output @ ctx.weight(ctx.dtype)
            of_x = of_x.addmm_(of_hidden, down).view(shape).to(dtype)
        of_a = (of_hidden.T @ rows).float()
        of_b = (hidden.T @ of_output).T.float().mul_(ctx.scale)
        return of_x, of_a, of_b, None, None, None, None


def lora_linear(x: Tensor, a: Tensor, b: Tensor, weight: Weight, bias: Tensor | None, scale: float) -> Tensor:
    """Return a LoRA layer's output ``(…, out)`` for inputs ``(…, in)``, in autocast's type where it is on.

    Args:
        x: Inputs.
        a: ``(rank, in)`` in fp32.
        b: ``(out, rank)`` in fp32.
        weight: The frozen weight.
        bias: ``(out,)``, frozen.
        scale: α / rank, or α / √rank for rsLoRA.
    """
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    output: Tensor = _LoraLinear.apply(x, a, b, weight, bias, scale, dtype)  # type: ignore[no-untyped-call]
    return output
