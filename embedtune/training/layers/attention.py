"""Attention whose probabilities are kept for the backward pass.

torch's attention on a CPU either computes them again in a slow backward pass, or, with dropout, falls back to a path that
draws its masks one number at a time. Training texts are short, so that keeping the probabilities costs little: 2 bytes for
each pair of tokens and head in bf16, and one for the mask of dropout.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from embedtune.training.layers.dropout import draw_bytes, kept_share, mask_of

NAME = "embedtune"
"""Of this attention among transformers' implementations."""


class _Attention(torch.autograd.Function):
    """softmax(q kᵀ · scale + bias) v, with dropout on the softmax (Vaswani et al. 2017, section 3.2.1)."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float, dropout: float
    ) -> Tensor:
        batch, heads, n, _ = query.shape
        ctx.scale, ctx.heads = scale, heads
        # The scale of dropout is that of the values, which are fewer than the probabilities.
        q, k, v = _flat(query * scale), _flat(key), _flat(value / kept_share(dropout) if dropout else value)
        scores = torch.bmm(q, k.transpose(1, 2))
        if bias is not None:
            scores.view(batch, heads, n, -1).add_(bias)
        probabilities = scores.softmax(dim=-1)
        drawn = draw_bytes(probabilities.shape) if dropout else None
        ctx.save_for_backward(q, k, v, probabilities, drawn)
        ctx.dropout = dropout
        weights = probabilities if drawn is None else probabilities * mask_of(drawn, dropout, v.dtype)
        return torch.bmm(weights, v).view(batch, heads, n, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, probabilities, drawn = ctx.saved_tensors
        of_output, weights = _flat(gradient), probabilities
        of_weights = torch.bmm(of_output, v.transpose(1, 2))
        if drawn is not None:
            mask = mask_of(drawn, ctx.dropout, v.dtype)
            of_weights = of_weights * mask
            weights = probabilities * mask
        of_value = torch.bmm(weights.transpose(1, 2), of_output).div_(kept_share(ctx.dropout))
        of_scores = torch._softmax_backward_data(of_weights, probabilities, -1, probabilities.dtype)
        of_query = torch.bmm(of_scores, k).mul_(ctx.scale)
        of_key = torch.bmm(of_scores.transpose(1, 2), q)
        by_head = (each.view(-1, ctx.heads, *each.shape[1:]) for each in (of_query, of_key, of_value))
        return (*by_head, None, None, None)


def _flat(values: Tensor) -> Tensor:
    return values.reshape(-1, *values.shape[2:])


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Compute attention as transformers asks for it; see ``AttentionInterface``.

    Without gradients, with a causal mask that is only implied, with fewer keys than heads or any further option, torch's own
    attention does it.
    """
    causal = options.get("is_causal")
    is_causal = (getattr(module, "is_causal", True) if causal is None else causal) and attention_mask is None
    further = any(options.get(name) is not None for name in ("softcap", "position_bias", "cache", "s_aux"))
    if not query.requires_grad or query.device.type != "cpu" or is_causal or further or key.shape[1] != query.shape[1]:
        result: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
        return result
    if torch.is_autocast_enabled("cpu"):  # which has no part in the backward pass
        query, key, value = (each.to(torch.get_autocast_dtype("cpu")) for each in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    bias = None if attention_mask is None else _bias(attention_mask, query.dtype)
    output: Tensor = _Attention.apply(query, key, value, bias, scale, dropout)  # type: ignore[no-untyped-call]
    return output.transpose(1, 2).contiguous(), None


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores, with one row where all queries see the same keys, as they do in an encoder."""
    if mask.stride(2) == 0:
        mask = mask[:, :, :1]
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


def register() -> None:
    """Make the attention known to transformers by its name."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
