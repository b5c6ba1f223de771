from __future__ import annotations

import pytest
import torch

from embedtune.training.gradient_cache import loss_of_batch


def outcome(mini_batch, *, dropout=0.0):
    """Return loss and gradient of a small encoder over two sides of five texts."""
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(dropout))
    sides = [{"x": torch.randn(5, 4)}, {"x": torch.randn(5, 4)}]
    torch.manual_seed(1)
    loss = loss_of_batch(
        lambda features: layer(features["x"]),
        sides,
        lambda queries, passages: (queries @ passages.T).log_softmax(dim=1).diagonal().mean(),
        batch=5,
        mini_batch=mini_batch,
    )
    loss.backward()
    return loss.item(), layer[0].weight.grad


@pytest.mark.parametrize("mini_batch", [1, 2, 4, 5, 9])
def test_mini_batches_change_neither_loss_nor_gradient(mini_batch):
    whole, parts = outcome(None), outcome(mini_batch)
    assert parts[0] == pytest.approx(whole[0], rel=1e-5)
    assert torch.allclose(parts[1], whole[1], atol=1e-5)


def test_a_mini_batch_drops_the_same_neurons_both_times():
    loss, gradient = outcome(2, dropout=0.5)
    assert torch.isfinite(gradient).all()
    again = outcome(2, dropout=0.5)
    assert (loss, gradient.tolist()) == (again[0], again[1].tolist())


def test_without_gradients_there_is_nothing_to_carry_on():
    with torch.no_grad():
        value = loss_of_batch(
            lambda features: features["x"], [{"x": torch.ones(3, 2)}], lambda x: x.sum(), batch=3, mini_batch=2
        )
    assert value.item() == 6
