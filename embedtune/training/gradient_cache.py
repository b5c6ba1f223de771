"""A loss over a whole batch whose texts are encoded a few at a time (GradCache, Gao et al. 2021).

Texts are encoded without keeping what a backward pass needs, the gradient of the loss by the vectors is taken, and each
mini-batch is encoded again to carry it on. Memory then follows the mini-batch; every query still meets every passage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Features = dict[str, Any]
"""What a tokenizer gives, ``(n_texts, …)`` tensors."""


def loss_of_batch(
    encode: Callable[[Features], Tensor],
    sides: Sequence[Features],
    loss: Callable[..., Tensor],
    *,
    batch: int,
    mini_batch: int | None,
) -> Tensor:
    """Return the loss of a batch, ready for a backward pass.

    Args:
        encode: Features to vectors ``(n, dim)``.
        sides: Features of queries, or of queries and passages, ``batch`` texts each.
        loss: Takes the vectors of each side.
        batch: Texts of a side.
        mini_batch: Texts encoded at once; None for all.
    """
    if mini_batch is None or mini_batch >= batch:
        return loss(*(encode(side) for side in sides))
    parts = [_split(side, mini_batch, batch) for side in sides]
    with torch.no_grad():
        vectors = [torch.cat([part.encode(encode) for part in side]) for side in parts]
    for side in vectors:
        side.requires_grad_()
    value = loss(*vectors)
    return _carry_on(value, vectors, parts, encode) if torch.is_grad_enabled() else value


class _Part:
    """A mini-batch that is encoded twice and must drop the same neurons both times."""

    def __init__(self, features: Features) -> None:
        self._features = features

    def encode(self, encode: Callable[[Features], Tensor]) -> Tensor:
        self._random = torch.get_rng_state(), torch.cuda.get_rng_state_all()
        return encode(self._features)

    def encode_again(self, encode: Callable[[Features], Tensor]) -> Tensor:
        with torch.random.fork_rng():
            torch.set_rng_state(self._random[0])
            torch.cuda.set_rng_state_all(self._random[1])
            return encode(self._features)


def _split(features: Features, size: int, n: int) -> list[_Part]:
    """Cut the tensors of a batch of n texts into mini-batches; what is not one row a text goes to each."""
    return [
        _Part(
            {
                name: value[start : start + size] if torch.is_tensor(value) and len(value) == n else value
                for name, value in features.items()
            }
        )
        for start in range(0, n, size)
    ]


def _carry_on(
    loss: Tensor, vectors: Sequence[Tensor], parts: Sequence[Sequence[_Part]], encode: Callable[[Features], Tensor]
) -> Tensor:
    """Return the loss as a leaf whose backward pass goes on through the model, one mini-batch at a time."""
    gradients = torch.autograd.grad(loss, list(vectors))
    leaf = loss.detach().requires_grad_()

    def backward(scale: Tensor) -> None:
        with torch.enable_grad():
            for side, gradient in zip(parts, gradients, strict=True):
                start = 0
                for part in side:
                    again = part.encode_again(encode)
                    torch.sum(again * gradient[start : start + len(again)] * scale).backward()  # type: ignore[no-untyped-call]
                    start += len(again)

    leaf.register_hook(backward)  # type: ignore[no-untyped-call]
    return leaf
