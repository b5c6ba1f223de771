"""Attention that keeps its probabilities gives torch's outputs and gradients."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from embedtune.training.layers.attention import attention
from embedtune.training.layers.dropout import kept_share

ENCODER = SimpleNamespace(is_causal=False)


def inputs(n_keys: int = 7, heads: int = 3) -> list[torch.Tensor]:
    torch.manual_seed(0)
    shapes = ((2, 3, 5, 4), (2, heads, n_keys, 4), (2, heads, n_keys, 4))
    return [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]


def padding() -> torch.Tensor:
    """Make a mask as transformers does: the second text has two tokens less."""
    mask = torch.ones(2, 1, 1, 7, dtype=torch.bool)
    mask[1, :, :, 5:] = False
    return mask.expand(2, 1, 5, 7)


def causal() -> torch.Tensor:
    return torch.ones(5, 7, dtype=torch.bool).tril().expand(2, 1, 5, 7).contiguous()


@pytest.mark.parametrize("mask", [None, padding(), causal(), torch.zeros(2, 1, 5, 7).masked_fill(~padding(), -1e9)])
def test_outputs_and_gradients_are_torchs(mask):
    ours, theirs = inputs(), inputs()
    output, _ = attention(ENCODER, *ours, mask, scaling=0.3)
    bias = mask if mask is None or mask.dtype == torch.bool else mask.double()
    expected = scaled_dot_product_attention(*theirs, attn_mask=bias, scale=0.3).transpose(1, 2)
    weights = torch.randn_like(expected)
    (output * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(output, expected)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own.grad, other.grad)


def test_with_dropout_the_gradient_is_that_of_the_outputs():
    query, key, value = inputs()

    def output(*tensors: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)  # the same mask each time
        return attention(ENCODER, *tensors, padding(), dropout=0.25)[0]

    assert torch.autograd.gradcheck(output, (query, key, value))


def test_dropout_keeps_the_mean_and_drops_weights():
    query = torch.zeros(1, 1, 400, 4, requires_grad=True)
    key, value = torch.zeros(1, 1, 500, 4), torch.ones(1, 1, 500, 4)
    output, _ = attention(ENCODER, query, key, value, None, dropout=0.5)
    assert kept_share(0.5) == 0.5
    assert output.mean().item() == pytest.approx(1, abs=0.01)
    assert output.std().item() > 0.01


@pytest.mark.parametrize(
    ("module", "options", "heads"),
    [(SimpleNamespace(is_causal=True), {}, 3), (SimpleNamespace(is_causal=False, num_key_value_groups=3), {}, 1)],
)
def test_what_it_cannot_do_is_left_to_torch(module, options, heads):
    query, key, value = inputs(n_keys=5, heads=heads)
    output, _ = attention(module, query, key, value, None, **options)
    expected = scaled_dot_product_attention(
        query, key, value, is_causal=module.is_causal, enable_gqa=heads == 1
    ).transpose(1, 2)
    torch.testing.assert_close(output, expected)
