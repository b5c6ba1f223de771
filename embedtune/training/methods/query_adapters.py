"""Linear adapters of the query vector: principal directions of the corpus, or a matrix fitted to the teacher; seconds each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from embedtune.config.training import TrainConfig
from embedtune.retrieval.query_projection import principal_map
from embedtune.training.dev_set import select_on_dev
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.tuned_models import TunedModel

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    from embedtune.training.losses import FrozenPassages, Teacher

_WARM_UP = 0.1
_SHARES = (0.75, 0.5, 0.25)  # of the dimensions; the most is taken unless less is better


class LinearQueryAdapter(TunedModel):
    """q → M·q, normalised; in the merged folder M is a module.

    Attributes:
        model: The query encoder with the matrix at full strength; its other modules are the base's own.
        matrix: M, ``(dim, dim)``.
    """

    queries_only = True

    def __init__(self, base: SentenceTransformer, matrix: Tensor) -> None:
        self._base = base
        self.matrix = matrix
        self.model = with_matrix(base, matrix)

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return ``copy``, which is not changed, followed by I + strength · (M − I)."""
        return with_matrix(copy, interpolate(self.matrix, strength))

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        self.matrix = interpolate(self.matrix, strength)
        self.model = with_matrix(self._base, self.matrix)


def tune_pca(context: Context, name: str = "pca", best: Candidate | None = None) -> Candidate:
    """Project queries onto the directions in which the corpus varies most, as many as are best on dev; nothing is trained.

    Dev shows some answers without a sentence, so it has windows that the corpus does not have. They take part in the
    directions: else a projection that keeps every passage whole, and reorders nothing, would move these, and seem to gain.
    """
    import torch

    corpus, in_corpus = context.frozen_corpus, set(context.frozen_corpus.windows.texts)
    others = [row for row, text in enumerate(context.dev.windows) if text not in in_corpus]
    vectors = np.concatenate([corpus.vectors, context.retrieval.windows[others]])
    adapters = {
        share: LinearQueryAdapter(
            context.base.model, torch.from_numpy(principal_map(vectors, round(share * vectors.shape[1])))
        )
        for share in _SHARES
    }
    dense = {
        share: context.retrieval.search_with(adapter, 1.0, f"dev: {share:.0%} of the directions")
        for share, adapter in adapters.items()
    }
    best_share = max(adapters, key=lambda share: context.dev.choosing_ranks(dense[share]).mean())
    decision, chosen, dev = select_on_dev(context.dev, context.retrieval.base, {1.0: dense[best_share]})
    details: dict[str, object] = {"directions": round(best_share * vectors.shape[1])}
    return Candidate(name, adapters[best_share], "none", decision, chosen, [], dev, details)


def tune_linear(context: Context, name: str = "linear", best: Candidate | None = None) -> Candidate:
    """Fit a residual matrix to the teacher's distribution over all passages."""
    import torch

    data = context.distillation
    matrix, losses = fit_linear(
        torch.from_numpy(data.vectors), data.passages, data.teacher, context.config, temperature=context.temperature
    )
    adapter = LinearQueryAdapter(context.base.model, matrix)
    decision, chosen, dev = select_on_dev(context.dev, context.retrieval.base, context.search_strengths(adapter))
    details = {
        "teacher": context.config.teacher,
        "queries": len(data.queries),
        "steps": len(losses),
        "losses": [round(value, 4) for value in losses],
    }
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in data.queries]
    return Candidate(name, adapter, "none", decision, chosen, rows, dev, details)


def fit_linear(
    queries: Tensor, passages: FrozenPassages, teacher: Teacher, config: TrainConfig, *, temperature: float
) -> tuple[Tensor, list[float]]:
    """Fit q + W·q by a teacher's distribution over all passages; W starts at zero, so the start is the base.

    AdamW's learning rate warms up over the first tenth and then decays linearly.

    Args:
        queries: Base vectors, ``(n_queries, dim)``.
        passages: Base vectors of the passages.
        teacher: The distribution that each query should have.
        config: Settings.
        temperature: Of the softmax over cosines.

    Returns:
        I + W, ``(dim, dim)``, and the loss of each step.
    """
    import torch
    from torch.nn import Parameter, functional

    from embedtune.training.losses import distillation_loss, popularity_shift

    dim, settings = queries.shape[1], config.query_side
    update = Parameter(torch.zeros(dim, dim))
    optimizer = torch.optim.AdamW([update], lr=settings.linear_learning_rate, weight_decay=config.weight_decay)
    batches = list(_batches(len(queries), settings.batch_size, settings.epochs, config.seed))
    warm_up = max(1, int(_WARM_UP * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm_up, (len(batches) - step) / max(1, len(batches) - warm_up))
    )
    losses = []
    for rows in batches:
        moved = functional.normalize(queries[rows] + queries[rows] @ update.T, dim=-1)
        loss = distillation_loss(passages.cosines(moved), teacher(rows), temperature)
        loss = loss + settings.hubness_weight * popularity_shift(moved, queries[rows], passages, temperature)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return torch.eye(dim) + update.detach(), losses


def _batches(n: int, size: int, epochs: int, seed: int) -> Iterator[list[int]]:
    import torch

    size = min(size, n)
    for epoch in range(epochs):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
        yield from (order[start : start + size] for start in range(0, n - size + 1, size))


def interpolate(matrix: Tensor, strength: float) -> Tensor:
    """Return I + strength · (M − I)."""
    import torch

    return torch.eye(len(matrix)).lerp(matrix, strength)


def with_matrix(base: SentenceTransformer, matrix: Tensor) -> SentenceTransformer:
    """Return the modules of a model, which are shared and not copied, followed by a matrix and a normalisation."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    dim = len(matrix)
    with base.truncate_embeddings(None):  # the map is in front of where a base cuts its vectors
        whole = base.get_embedding_dimension() or dim
    dense = Dense(whole, dim, bias=False, activation_function=torch.nn.Identity())
    with torch.no_grad():
        dense.linear.weight.zero_()[:, :dim] = matrix
    modules = [*base.children(), dense, Normalize()]
    return SentenceTransformer(modules=modules, prompts=base.prompts, device=str(base.device))
