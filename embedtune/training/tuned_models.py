"""Models in training, each with its update of the base: an adapter over frozen weights, or every weight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.models import weights
from embedtune.models.weights import Weights, merge

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TunedModel:
    """A model in training, and how its update is scaled, merged and saved.

    Attributes:
        model: The model that is trained, in place.
        queries_only: Whether passages stay with the base model, so that an index of it stays valid.
    """

    model: SentenceTransformer
    queries_only: bool = False

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return base + strength · update, made of ``copy``, an unquantised copy of the base whose weights may be changed."""
        raise NotImplementedError

    def fold(self, strength: float) -> None:
        """Scale the update permanently."""
        raise NotImplementedError

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """Write ``folder`` if the update is a PEFT adapter; return whether it is."""
        return False


class Lora(TunedModel):
    """Low-rank updates of all linear layers (Hu et al. 2021); the frozen weights may be quantised."""

    def __init__(self, model: SentenceTransformer, *, rank: int, alpha: int, queries_only: bool = False) -> None:
        self.model = model
        self.queries_only = queries_only
        self._adapter = weights.add_adapter(model, rank=rank, alpha=alpha)

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """See ``TunedModel``."""
        with weights.strength(self.model, strength):
            return merge(self.model, copy)

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        weights.fold_strength(self.model, strength)

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """See ``TunedModel``."""
        weights.save_adapter(self._adapter, folder, base_name)
        return True


class Full(TunedModel):
    """All weights that affect an embedding; training needs eight times the memory of the weights."""

    def __init__(self, model: SentenceTransformer) -> None:
        self.model = model
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("pooler" not in name.split("."))  # mean pooling never reads a BERT's pooler
        self._base = weights.snapshot(model)

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """See ``TunedModel``."""
        weights.restore(copy, self._interpolated(strength))
        return copy

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        weights.restore(self.model, self._interpolated(strength))

    def _interpolated(self, strength: float) -> Weights:
        # lerp gives the end exactly at 1; base + (tuned − base) would round.
        return {name: self._base[name].lerp(tuned, strength) for name, tuned in weights.snapshot(self.model).items()}
