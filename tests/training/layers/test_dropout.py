"""Dropout by bytes drops the share it promises, scales what stays, and follows torch's random state."""

from __future__ import annotations

import pytest
import torch

from embedtune.training.layers.dropout import dropout, kept_share


def apply(probability: float, values: torch.Tensor, *, training: bool = True) -> torch.Tensor:
    layer = torch.nn.Dropout(probability).train(training)
    return dropout(layer, values)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_promised_share_is_dropped_and_the_mean_stays(probability):
    torch.manual_seed(0)
    dropped = apply(probability, torch.ones(400, 500))
    assert (dropped == 0).float().mean().item() == pytest.approx(1 - kept_share(probability), abs=0.005)
    assert kept_share(probability) == pytest.approx(1 - probability, abs=1 / 512)
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)


def test_the_gradient_has_the_mask_of_the_forward_pass():
    values = (0.1 + torch.rand(30, 40)).bfloat16().requires_grad_()
    dropped = apply(0.3, values)
    dropped.backward(torch.ones_like(dropped))
    assert torch.equal(values.grad == 0, dropped == 0)
    assert values.grad.max().item() == pytest.approx(1 / kept_share(0.3), rel=0.01)


def test_the_same_random_state_draws_the_same_and_the_next_call_another():
    first, second = [], []
    for draws in (first, second):
        torch.manual_seed(3)
        draws += [apply(0.5, torch.ones(100)) for _ in range(2)]
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize(("probability", "training"), [(0.5, False), (0.0, True)])
def test_nothing_is_dropped_in_evaluation_or_at_zero(probability, training):
    values = torch.rand(1000)
    assert torch.equal(apply(probability, values, training=training), values)
