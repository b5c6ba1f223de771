"""Adapters of peft that can be merged into plain weights by peft itself: DoRA, PiSSA and (IA)³."""

from __future__ import annotations

import tempfile
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.models import weights
from embedtune.models.quantisation import is_transposed
from embedtune.models.weights import adaptable_layers, lora_config, write_frozen
from embedtune.training.tuned_models import TunedModel

if TYPE_CHECKING:
    from peft import PeftConfig
    from sentence_transformers import SentenceTransformer

    from embedtune.config.training import TrainConfig


class Merged(TunedModel):
    """An adapter of peft whose first weights are the base; the strength interpolates between these and the trained ones."""

    def __init__(self, model: SentenceTransformer, config: PeftConfig) -> None:
        from peft import get_peft_model

        self.model = model
        model.requires_grad_(False)
        self._adapter = get_peft_model(model[0].model, config)
        self._start = weights.snapshot(model)

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """See ``TunedModel``."""
        from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

        write_frozen(self.model[0].model, copy)
        config = deepcopy(self._adapter.peft_config[weights.ADAPTER])
        if getattr(config, "init_lora_weights", None) is not None:
            config.init_lora_weights = True  # PiSSA's frozen weights are what is left already
        target, trained = get_peft_model(copy[0].model, config), weights.snapshot(self.model)
        weights.restore(self.model, self._at(trained, strength))
        set_peft_model_state_dict(target, get_peft_model_state_dict(self._adapter))
        weights.restore(self.model, trained)
        target.merge_and_unload()
        return copy

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        weights.restore(self.model, self._at(weights.snapshot(self.model), strength))

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """See ``TunedModel``."""
        weights.save_adapter(self._adapter, folder, base_name)
        return True

    def _at(self, trained: weights.Weights, strength: float) -> weights.Weights:
        return {name: self._start[name].lerp(value, strength) for name, value in trained.items()}


class Pissa(Merged):
    """LoRA that starts from the principal part of each weight and freezes the rest (Meng et al. 2024).

    It is saved as plain LoRA of twice the rank over the base's own weights.
    """

    def __init__(self, model: SentenceTransformer, config: PeftConfig) -> None:
        super().__init__(model, config)
        self._scratch = tempfile.TemporaryDirectory(prefix="embedtune-pissa-")
        ours: Any = self._adapter.peft_config[weights.ADAPTER]
        ours.init_lora_weights, kept = True, ours.init_lora_weights
        self._adapter.save_pretrained(self._scratch.name)
        ours.init_lora_weights = kept

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """See ``TunedModel``."""
        weights.save_adapter(
            self._adapter, folder, base_name, path_initial_model_for_weight_conversion=self._scratch.name
        )
        return True


def dora(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """Train each weight's direction by LoRA, and the length of its rows (Liu et al. 2024)."""
    return Merged(model, lora_config(model, config.lora_rank, config.lora_alpha, config.layers, use_dora=True))


def pissa(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """See ``Pissa``."""
    return Pissa(
        model, lora_config(model, config.lora_rank, config.lora_alpha, config.layers, init_lora_weights="pissa")
    )


def ia3(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """Train a factor for each output of a linear layer, or input of one that narrows (Liu et al. 2022, of more layers)."""
    from peft import IA3Config, TaskType

    layers: dict[str, Any] = dict(adaptable_layers(model, config.layers))
    narrowing = [name for name, layer in layers.items() if _is_narrowing(layer)]
    return Merged(
        model,
        IA3Config(
            task_type=TaskType.FEATURE_EXTRACTION,
            target_modules=list(layers),
            feedforward_modules=narrowing,
            fan_in_fan_out=any(map(is_transposed, layers.values())),
        ),
    )


def _is_narrowing(layer: Any) -> bool:
    if is_transposed(layer):
        return bool(layer.weight.shape[0] > layer.weight.shape[1])
    return bool(layer.in_features > layer.out_features)
