"""LoRA in one function gives the outputs and gradients of the formula."""

from __future__ import annotations

import pytest
import torch

from embedtune.training.layers.lora import lora_linear


def parts(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    shapes = ((2, 5, 6), (3, 6), (4, 3), (4, 6), (4,))
    return tuple(torch.randn(shape, dtype=dtype) for shape in shapes)


@pytest.mark.parametrize("has_bias", [True, False])
def test_gradients_are_those_of_the_formula(has_bias):
    x, a, b, weight, bias = parts()
    bias = bias if has_bias else None

    def output(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return lora_linear(x, a, b, weight.to, bias, 2.0)

    expected = torch.nn.functional.linear(x, weight + 2.0 * b @ a, bias)
    torch.testing.assert_close(output(x, a, b), expected)
    trained = [each.requires_grad_() for each in (x, a, b)]
    expected = torch.nn.functional.linear(x, weight + 2.0 * b @ a, bias)
    for ours, theirs in zip(
        torch.autograd.grad(output(*trained).sin().sum(), trained),
        torch.autograd.grad(expected.sin().sum(), trained),
        strict=True,
    ):
        torch.testing.assert_close(ours.double(), theirs, atol=1e-5, rtol=1e-5)


def test_under_autocast_it_computes_in_its_type_and_trains_in_fp32():
    x, a, b, weight, bias = (each.float() for each in parts())
    a.requires_grad_()
    asked = []

    def read(dtype: torch.dtype) -> torch.Tensor:
        asked.append(dtype)
        return weight.to(dtype)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = lora_linear(x, a, b, read, bias, 1.0)
    output.float().sum().backward()
    assert output.dtype == torch.bfloat16
    assert a.grad.dtype == torch.float32
    assert asked == [torch.bfloat16]  # the input needs no gradient, so the weight is not read again
