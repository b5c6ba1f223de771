"""The contrastive loss."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional


class MaskedContrastiveLoss(nn.Module):
    """InfoNCE over in-batch negatives, both ways, with likely false negatives masked by the base model's own vectors.

    For query i the passage j counts as a negative only where base cos(q_i, p_j) < base cos(q_i, p_i) − margin: what the base
    model holds for as good an answer as the known one probably is one (GISTEmbed, Solatorio 2024, here with cached vectors,
    so that the guide costs nothing). Both directions are averaged.

    Source: van den Oord et al. 2018 (InfoNCE); Karpukhin et al. 2020 (in-batch negatives).
    """

    def __init__(
        self,
        model: SentenceTransformer,
        base_queries: Tensor,
        base_documents: Tensor,
        *,
        temperature: float,
        margin: float,
        anchor_weight: float = 0.0,
    ) -> None:
        """Take unit vectors of the base model by pair, ``(n_pairs, dim)`` each; labels are row numbers into them."""
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.margin = margin
        self.anchor_weight = anchor_weight
        self._base_queries = base_queries
        self._base_documents = base_documents

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of (query, passage) features; ``labels`` are the pairs' numbers."""
        queries, documents = (
            functional.normalize(self.model(features)["sentence_embedding"].float(), dim=-1)
            for features in sentence_features
        )
        rows = labels.cpu()
        base_queries = self._base_queries[rows].to(queries.device)
        base_documents = self._base_documents[rows].to(queries.device)
        logits = queries @ documents.T / self.temperature
        logits = logits.masked_fill(self._false_negatives(base_queries, base_documents), float("-inf"))
        target = torch.arange(len(rows), device=logits.device)
        contrast = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
        if not self.anchor_weight:
            return contrast
        drift = 1 - ((queries * base_queries).sum(-1) + (documents * base_documents).sum(-1)).mean() / 2
        return contrast + self.anchor_weight * drift

    def _false_negatives(self, queries: Tensor, documents: Tensor) -> Tensor:
        scores = queries @ documents.T
        own = scores.diagonal()
        mask = (scores >= own[:, None] - self.margin) | (scores >= own[None, :] - self.margin)
        return mask.fill_diagonal_(False)
