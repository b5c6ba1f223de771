"""Adapters that stay beside the weights: bottleneck layers, and trained tokens in a decoder's attention."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from embedtune.models.weights import write_frozen
from embedtune.training.tuned_models import TunedModel

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.config.training import TrainConfig


class Unmerged(TunedModel):
    """A frozen model with an adapter that no weight of it can take up; saved, it needs this package to load.

    The strength interpolates between the adapter's first and last weights.
    """

    def __init__(self, model: SentenceTransformer, settings: Mapping[str, Any]) -> None:
        model.requires_grad_(False)
        self.model = _with_adapter(model, settings)
        self._start = self.model[0].weights()
        self.model[0].adapter.requires_grad_(True)

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return modules around the weights of ``copy``, rounded as they were in training, with the adapter."""
        from embedtune.models.adapted import unwrapped

        ours = self.model[0]
        with unwrapped(ours.dense):
            write_frozen(ours.dense[0].model, copy)
        adapted = _with_adapter(_sharing_weights(copy), ours.settings)
        adapted[0].adapter.load_state_dict(self._at(strength))
        return adapted

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        self.model[0].adapter.load_state_dict(self._at(strength))

    def _at(self, strength: float) -> dict[str, Any]:
        # lerp gives the end exactly at 1.
        return {name: self._start[name].lerp(value, strength) for name, value in self.model[0].weights().items()}


def bottleneck(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """Train a small network behind each layer; see ``models.bottleneck``."""
    return Unmerged(model, {"method": "bottleneck", "width": config.adapter_width, "layers": config.layers})


def prefix(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """Train keys and values in front of each layer's own; see ``models.trained_prompts``."""
    return Unmerged(model, {"method": "prefix", "tokens": config.prompt_tokens})


def adaption_prompt(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """Train tokens and gates in each layer's attention; see ``models.trained_prompts``."""
    return Unmerged(model, {"method": "adaption-prompt", "tokens": config.prompt_tokens})


def _sharing_weights(model: SentenceTransformer) -> SentenceTransformer:
    """Return a model whose modules can have an adapter, while those of the given one, with the same weights, stay without."""
    shared = [*model.parameters(), *model.buffers(), model.tokenizer]
    return deepcopy(model, {id(each): each for each in shared})


def _with_adapter(dense: SentenceTransformer, settings: Mapping[str, Any]) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    from embedtune.models.adapted import Adapted

    return SentenceTransformer(
        modules=[Adapted(dense, settings)],
        prompts=dense.prompts,
        similarity_fn_name=dense.similarity_fn_name,
        truncate_dim=dense.truncate_dim,
        device=str(dense.device),
    )
