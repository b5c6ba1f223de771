"""The registry of updates: a name, what builds it, and its learning rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from embedtune.training.tuned_models import Full, Lora, TunedModel
from embedtune.training.updates.head import head
from embedtune.training.updates.merged import dora, ia3, pissa
from embedtune.training.updates.unmerged import adaption_prompt, bottleneck, prefix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.config.training import TrainConfig


class Update(NamedTuple):
    """A way to change a base.

    Attributes:
        build: Puts the update, which changes nothing yet, into a model whose weights may be quantised. Raises
            ``ConfigError`` for a base that it cannot change.
        learning_rate: Peak, unless the settings have one.
        query_rates: Peaks where queries alone are trained further, one training each, of which dev chooses; none where they
            cannot be, because nothing was merged.
    """

    build: Callable[[SentenceTransformer, TrainConfig], TunedModel]
    learning_rate: float = 5e-4
    query_rates: Sequence[float] = (5e-4,)


def _lora(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    return Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, layers=config.layers)


def _rslora(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """LoRA scaled by α / √rank, so that a high rank learns as fast as a low one (Kalajdzievski 2023)."""
    return Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, layers=config.layers, use_rslora=True)


def _lora_plus(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    """LoRA whose B learns faster than its A (Hayou et al. 2024)."""
    tuned = _lora(model, config)
    tuned.b_rate_ratio = config.lora_plus_ratio
    return tuned


def _full(model: SentenceTransformer, config: TrainConfig) -> TunedModel:
    return Full(model, layers=config.layers)


UPDATES: dict[str, Update] = {
    # Where later queries ask for the same passages as the labels, the higher rate gains more; elsewhere it loses (docs/log.md).
    "lora": Update(_lora, query_rates=(5e-4, 2e-3)),
    "rslora": Update(_rslora, 2e-4, (2e-4,)),
    "lora-plus": Update(_lora_plus, 2e-4),
    "dora": Update(dora),
    "pissa": Update(pissa, 2e-4, (2e-4,)),
    "ia3": Update(ia3, 5e-3, (5e-3,)),
    "bottleneck": Update(bottleneck, 1e-3, ()),
    "prefix": Update(prefix, 1e-2, ()),
    "adaption-prompt": Update(adaption_prompt, 1e-2, ()),
    "head": Update(head, 1e-3, ()),
    "full": Update(_full, query_rates=(1e-4,)),
}
