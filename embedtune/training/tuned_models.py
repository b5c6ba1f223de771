"""Models in training, each with its update of the base: an adapter over frozen weights, or every weight."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.models import weights
from embedtune.models.weights import Weights, merge
from embedtune.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class KnownVectors(NamedTuple):
    """Unit vectors of texts, ``(n_texts, dim)``."""

    texts: Sequence[str]
    vectors: Vectors


class TunedModel:
    """A model in training, and how its update is scaled, merged and saved.

    Attributes:
        model: The model that is trained, in place.
        queries_only: Whether passages stay with the base model, so that an index of it stays valid.
        dev_windows: Vectors of the dev windows, ``(n_windows, dim)``, where training changes them no more though they are not
            the base's.
        corpus: What the windows of the corpus will be encoded to, where training has to know.
        changed_documents: Texts whose vectors differ from the base's where queries may have stayed the same; none where queries
            are tuned.
        b_rate_ratio: Learning rate of LoRA's B as a multiple of that of the other weights.
    """

    model: SentenceTransformer
    queries_only: bool = False
    dev_windows: Vectors | None = None
    corpus: KnownVectors | None = None
    changed_documents: Sequence[str] = ()
    b_rate_ratio: float = 1.0

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return base + strength · update, made of ``copy``, an unquantised copy of the base whose weights may be changed."""
        raise NotImplementedError

    def fold(self, strength: float) -> None:
        """Scale the update permanently."""
        raise NotImplementedError

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """Write ``folder`` if the update is a PEFT adapter; return whether it is."""
        return False

    def load_adapter(self, saved: Weights) -> None:
        """Take the weights of a saved adapter; raises ``ValueError`` if they are not those of this one."""
        raise NotImplementedError


class Lora(TunedModel):
    """Low-rank updates of all linear layers (Hu et al. 2021); the frozen weights may be quantised."""

    def __init__(
        self, model: SentenceTransformer, *, rank: int, alpha: int, queries_only: bool = False, **options: Any
    ) -> None:
        """Add the adapter; ``options`` are those of ``weights.add_adapter``."""
        self.model = model
        self.queries_only = queries_only
        self._adapter = weights.add_adapter(model, rank=rank, alpha=alpha, **options)

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

    def load_adapter(self, saved: Weights) -> None:
        """See ``TunedModel``."""
        weights.load_adapter(self._adapter, saved)


class QueriesOver(TunedModel):
    """A query encoder that was trained further than the model that encodes passages, which stays as it is.

    The strength interpolates between that model (0) and the further trained one (1).
    """

    def __init__(
        self, queries: TunedModel, documents: SentenceTransformer, corpus: KnownVectors, dev_windows: Vectors
    ) -> None:
        """``queries`` is in training from the weights of ``documents``, a merged model, which has encoded the rest."""
        self.model = queries.model
        self.corpus = corpus
        self.dev_windows = dev_windows
        self._queries = queries
        self._documents = documents
        self._scale = 1.0

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return a model of two towers."""
        import torch

        queries = self._queries.merge_into(copy)
        with torch.no_grad():
            for tuned, start in zip(queries.parameters(), self._documents.parameters(), strict=True):
                tuned.lerp_(start.to(tuned.device), 1 - strength * self._scale)
        return weights.two_towers(queries, self._documents)

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        self._scale *= strength
        self.model = self.merge_into(deepcopy(self._documents))


class Full(TunedModel):
    """All weights that affect an embedding, or those of the upper layers and what is behind them.

    Training needs eight times the memory of the weights.
    """

    def __init__(self, model: SentenceTransformer, *, layers: int | None = None) -> None:
        self.model = model
        lower = set()
        if layers:
            lower = set(model.parameters())
            lower -= {each for block in weights.find_layers(model[0].model)[-layers:] for each in block.parameters()}
            lower -= {each for module in list(model)[1:] for each in module.parameters()}
        for name, parameter in model.named_parameters():
            # Mean pooling never reads a BERT's pooler.
            parameter.requires_grad_("pooler" not in name.split(".") and parameter not in lower)
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
