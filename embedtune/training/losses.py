"""The contrastive loss."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

Features = dict[str, Any]
"""What a tokenizer gives, ``(n_texts, …)`` tensors."""

_MASKED = -1e4  # a softmax weight of 0 that, unlike −inf, may be multiplied by a target of 0


class MaskedContrastiveLoss(nn.Module):
    """InfoNCE over in-batch negatives, both ways, with likely false negatives masked by the base model's own vectors.

    For query i the passage j counts as a negative only where base cos(q_i, p_j) < base cos(q_i, p_i) + margin: what the base
    model holds for a clearly better answer than the known one probably is an answer (GISTEmbed, Solatorio 2024, here with
    cached vectors, so that the guide costs nothing). A passage that is judged relevant to a query is never its negative.
    The target is (1 − λ) · the known positive + λ · the base model's own softmax over the batch, so that the tuned model keeps
    the order that the base has among the others, and gets back what quantisation took (distillation, Hinton et al. 2015). Both
    directions are averaged.

    With a ``mini_batch`` smaller than the batch, texts are encoded that many at a time without keeping what a backward pass
    needs, the gradient of the loss by the vectors is taken, and each mini-batch is encoded again to carry it on (GradCache,
    Gao et al. 2021). Memory then follows the mini-batch; every query still meets every passage of the batch.

    Source: van den Oord et al. 2018 (InfoNCE); Karpukhin et al. 2020 (in-batch negatives).

    Attributes:
        mini_batch: Texts encoded at once, or None for the whole batch.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        base_queries: Tensor,
        base_documents: Tensor,
        relevant: Sequence[Collection[int]],
        passages: Sequence[int],
        *,
        temperature: float,
        mask_margin: float,
        base_share: float,
    ) -> None:
        """Take what is known of each pair; labels are positions in all of it.

        Args:
            model: To train.
            base_queries: Unit vectors of the base model, ``(n_pairs, dim)``.
            base_documents: The same of the positives.
            relevant: All passages relevant to each pair's query.
            passages: Each pair's own passage.
            temperature: Of the softmax over cosines, above 0.
            mask_margin: See above; cosines.
            base_share: λ above, 0 to 1; 0 is plain InfoNCE.
        """
        super().__init__()
        self.model = model
        self.mini_batch: int | None = None
        self.temperature = temperature
        self.mask_margin = mask_margin
        self.base_share = base_share
        self._base_queries = base_queries
        self._base_documents = base_documents
        self._relevant = relevant
        self._passages = passages

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of (query, passage) features; ``labels`` are the pairs' numbers."""
        sides = list(sentence_features)
        if self.mini_batch is None or self.mini_batch >= len(labels):
            queries, documents = (self._encode(side) for side in sides)
            return self._loss(queries, documents, labels)
        parts = [_split(side, self.mini_batch, len(labels)) for side in sides]
        with torch.no_grad():
            vectors = [torch.cat([part.encode(self._encode) for part in side]) for side in parts]
        queries, documents = (side.requires_grad_() for side in vectors)
        loss = self._loss(queries, documents, labels)
        if not torch.is_grad_enabled():
            return loss
        return _carry_on(loss, vectors, parts, self._encode)

    def _encode(self, features: Features) -> Tensor:
        return functional.normalize(self.model(features)["sentence_embedding"].float(), dim=-1)

    def _loss(self, queries: Tensor, documents: Tensor, labels: Tensor) -> Tensor:
        rows = labels.cpu()
        base_queries = self._base_queries[rows].to(queries.device)
        base_documents = self._base_documents[rows].to(queries.device)
        false = self._likely_false(base_queries, base_documents) | self._known_false(rows.tolist()).to(queries.device)
        logits = (queries @ documents.T / self.temperature).masked_fill(false, _MASKED)
        known = (base_queries @ base_documents.T / self.temperature).masked_fill(false, _MASKED)
        return (self._cross_entropy(logits, known) + self._cross_entropy(logits.T, known.T)) / 2

    def _cross_entropy(self, logits: Tensor, base_logits: Tensor) -> Tensor:
        target = (1 - self.base_share) * torch.eye(len(logits), device=logits.device)
        return functional.cross_entropy(logits, target + self.base_share * base_logits.softmax(dim=-1))

    def _likely_false(self, queries: Tensor, documents: Tensor) -> Tensor:
        scores = queries @ documents.T
        bound = scores.diagonal() + self.mask_margin
        return ((scores >= bound[:, None]) | (scores >= bound[None, :])).fill_diagonal_(False)

    def _known_false(self, rows: list[int]) -> Tensor:
        known = [[self._passages[other] in self._relevant[row] for other in rows] for row in rows]
        return torch.tensor(known).fill_diagonal_(False)


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
