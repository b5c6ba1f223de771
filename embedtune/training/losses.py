"""The contrastive loss."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

from embedtune.training.gradient_cache import Features, loss_of_batch

_MASKED = -1e4  # a softmax weight of 0 that, unlike −inf, may be multiplied by a target of 0


class GuidedContrastiveLoss(nn.Module):
    """InfoNCE over in-batch negatives, both ways, with likely false negatives masked by the base model's own vectors.

    For query i the passage j counts as a negative only where base cos(q_i, p_j) < base cos(q_i, p_i) + margin: what the base
    model holds for a clearly better answer than the known one probably is an answer (GISTEmbed, Solatorio 2024, here with
    cached vectors, so that the guide costs nothing). A passage that is judged relevant to a query is never its negative.
    The target is (1 − λ) · the known positive + λ · the base model's own softmax over the batch, so that the tuned model keeps
    the order that the base has among the others, and gets back what quantisation took (distillation, Hinton et al. 2015). Both
    directions are averaged.

    Source: van den Oord et al. 2018 (InfoNCE); Karpukhin et al. 2020 (in-batch negatives).

    Attributes:
        mini_batch: Texts encoded at once, or None for the whole batch; see ``gradient_cache``.
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
        false_negative_margin: float,
        distill_weight: float,
    ) -> None:
        """Take what is known of each pair; labels are positions in all of it.

        Args:
            model: To train.
            base_queries: Unit vectors of the base model, ``(n_pairs, dim)``.
            base_documents: The same of the positives.
            relevant: All passages relevant to each pair's query.
            passages: Each pair's own passage.
            temperature: Of the softmax over cosines, above 0.
            false_negative_margin: See above; cosines.
            distill_weight: λ above, 0 to 1; 0 is plain InfoNCE.
        """
        super().__init__()
        self.model = model
        self.mini_batch: int | None = None
        self.temperature = temperature
        self.false_negative_margin = false_negative_margin
        self.distill_weight = distill_weight
        self._base_queries = base_queries
        self._base_documents = base_documents
        self._relevant = relevant
        self._passages = passages

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of (query, passage) features; ``labels`` are the pairs' numbers."""
        return loss_of_batch(
            self._encode,
            list(sentence_features),
            lambda queries, documents: self._loss(queries, documents, labels),
            batch=len(labels),
            mini_batch=self.mini_batch,
        )

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
        target = (1 - self.distill_weight) * torch.eye(len(logits), device=logits.device)
        return functional.cross_entropy(logits, target + self.distill_weight * base_logits.softmax(dim=-1))

    def _likely_false(self, queries: Tensor, documents: Tensor) -> Tensor:
        scores = queries @ documents.T
        bound = scores.diagonal() + self.false_negative_margin
        return ((scores >= bound[:, None]) | (scores >= bound[None, :])).fill_diagonal_(False)

    def _known_false(self, rows: list[int]) -> Tensor:
        known = [[self._passages[other] in self._relevant[row] for other in rows] for row in rows]
        return torch.tensor(known).fill_diagonal_(False)
