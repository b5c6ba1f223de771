"""A linear head on frozen features: what can be learned without touching the transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedtune.training.methods.query_adapters import interpolate, with_matrix
from embedtune.training.tuned_models import TunedModel

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, nn

    from embedtune.config.training import TrainConfig


class Head(TunedModel):
    """v → M·v for queries and passages, normalised; in the merged folder M is a Dense module.

    The strength interpolates between the identity and M.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        import torch

        model.requires_grad_(False)
        self.model = with_matrix(model, torch.eye(model.get_embedding_dimension() or 0))
        self._linear.weight.requires_grad_(True)

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return ``copy``, which is not changed, followed by the head."""
        return with_matrix(copy, self._matrix(strength))

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        import torch

        matrix = self._matrix(strength)
        with torch.no_grad():
            self._linear.weight[:, : len(matrix)] = matrix

    @property
    def _linear(self) -> nn.Linear:
        linear: nn.Linear = self.model[-2].linear
        return linear

    def _matrix(self, strength: float) -> Tensor:
        weight = self._linear.weight.detach().cpu()
        return interpolate(weight[:, : len(weight)], strength)


def head(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """See ``Head``."""
    return Head(model)
