"""Linear maps of the query vector: nothing else of the model changes, and fitting takes seconds on cached vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from embedtune.training.distillation import FrozenPassages, Teacher, distillation_loss, popularity_shift

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_WARM_UP = 0.1


class LinearQueryAdapter:
    """q → M·q, then to unit length; a method of training like LoRA, without an adapter of its own.

    Attributes:
        model: The query encoder with the map at full strength.
        matrix: M, ``(dim, dim)``.
    """

    queries_only = True

    def __init__(self, base: SentenceTransformer, matrix: Tensor) -> None:
        self._base = base
        self.matrix = matrix
        self.model = _with_map(base, matrix)

    def merged(self, plain: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return ``plain`` with I + strength · (M − I) behind it; ``plain`` is not changed."""
        return _with_map(plain, interpolated(self.matrix, strength))

    def fold(self, strength: float) -> None:
        """Scale the update for good."""
        self.matrix = interpolated(self.matrix, strength)
        self.model = _with_map(self._base, self.matrix)

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """Write nothing: the map is a module of the merged folder."""
        return False


def fit_linear_map(
    queries: Tensor,
    passages: FrozenPassages,
    teacher: Teacher,
    *,
    temperature: float,
    hubness_weight: float = 0.0,
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    epochs: int,
    seed: int,
) -> tuple[Tensor, list[float]]:
    """Fit q + W·q by a teacher's order of the whole corpus; W starts at zero, so the start is the base.

    Args:
        queries: Base vectors, ``(n_queries, dim)``.
        passages: Base vectors of the corpus.
        teacher: What each query should find.
        temperature: Of the student's softmax over cosines.
        hubness_weight: Weight of ``popularity_shift``.
        learning_rate: Adam's peak; warm-up over the first tenth, then linear decay.
        weight_decay: AdamW's, pulls W to zero.
        batch_size: Queries in a step.
        epochs: Passes over the queries.
        seed: Of their order.

    Returns:
        I + W, ``(dim, dim)``, and the loss of each step.
    """
    dim = queries.shape[1]
    update = nn.Parameter(torch.zeros(dim, dim))
    optimizer = torch.optim.AdamW([update], lr=learning_rate, weight_decay=weight_decay)
    batches = list(_batches(len(queries), batch_size, epochs, seed))
    warm_up = max(1, int(_WARM_UP * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, (len(batches) - step) / max(1, len(batches) - warm_up))
    )
    losses = []
    for rows in batches:
        moved = functional.normalize(queries[rows] + queries[rows] @ update.T, dim=-1)
        loss = distillation_loss(passages.cosines(moved), teacher(rows), temperature)
        loss = loss + hubness_weight * popularity_shift(moved, queries[rows], passages, temperature)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return torch.eye(dim) + update.detach(), losses


def _batches(n: int, size: int, epochs: int, seed: int) -> Iterator[list[int]]:
    for epoch in range(epochs):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
        yield from (order[start : start + size] for start in range(0, n - size + 1, size))


def interpolated(matrix: Tensor, strength: float) -> Tensor:
    """Return I + strength · (M − I)."""
    return torch.eye(len(matrix)).lerp(matrix, strength)


def _with_map(base: SentenceTransformer, matrix: Tensor) -> SentenceTransformer:
    """Return the modules of a model, which are shared and not copied, with a map and a normalisation behind them."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    dim = len(matrix)
    dense = Dense(dim, dim, bias=False, activation_function=nn.Identity())
    with torch.no_grad():
        dense.linear.weight.copy_(matrix)
    modules = [*base.children(), dense, Normalize()]
    return SentenceTransformer(modules=modules, prompts=base.prompts, device=str(base.device))
