"""Where a search looks for settings of ``train``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from embedtune.config.search import Range, SearchSpace
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError
from embedtune.training.updates.registry import UPDATES

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_FRACTIONS = (
    "learning_rate",
    "distill_weight",
    "temperature",
    "dropout",
    "weight_decay",
)  # the others are whole numbers
_OF_METHODS = {
    "lora_rank": ("lora", "rslora", "lora-plus", "dora", "pissa"),
    "adapter_width": ("bottleneck",),
    "prompt_tokens": ("prefix", "adaption-prompt"),
}
_MOST_CHOICES = 100


def build_space(
    space: SearchSpace, resolved: TrainConfig, *, temperature: float
) -> dict[str, tuple[BaseDistribution, float]]:
    """Return for each searched setting its distribution and the value that ``train`` would take, which may lie outside.

    Args:
        space: What the user asks for.
        resolved: Settings of ``train`` for this dataset; its method is one of ``UPDATES``.
        temperature: What the base's would be.

    Raises:
        ConfigError: If nothing is searched, or ``train`` does not take a value.
    """
    rate = resolved.learning_rate or UPDATES[resolved.method].learning_rate
    automatic: dict[str, Range | tuple[float, ...]] = {
        "learning_rate": Range(low=rate / 5, high=min(4 * rate, 0.9), log=True),
        "lora_rank": (4, 8, 16, 32, 64),
        "epochs": Range(low=1, high=max(3, resolved.epochs + 2)),
        "batch_size": (16, 32, 64),
        "hard_negatives": (0, 1, 2),
        "distill_weight": Range(low=0, high=0.8),
        "adapter_width": (16, 32, 64, 128),
        "prompt_tokens": (4, 8, 16, 32),
        "temperature": Range(low=temperature / 2, high=2 * temperature, log=True),
        "dropout": Range(low=0, high=0.3),
        "weight_decay": Range(low=0.001, high=0.3, log=True),
        "max_pairs": (1000, 2000, 4000),
    }
    usual: dict[str, Any] = {**resolved.model_dump(), "learning_rate": rate, "temperature": temperature}
    found = {}
    for name, asked in space:
        if asked is None or (asked == "auto" and resolved.method not in _OF_METHODS.get(name, (resolved.method,))):
            continue
        found[name] = (_distribution(name, automatic[name] if asked == "auto" else asked), usual[name])
    if not found:
        raise ConfigError("search.space: expected a setting to search at least, found none")
    return found


def _distribution(name: str, asked: Range | tuple[float, ...]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    whole = name not in _FRACTIONS
    ends = (asked.low, asked.high) if isinstance(asked, Range) else asked
    _check(name, ends, whole=whole)
    if not isinstance(asked, Range):
        return CategoricalDistribution([int(each) if whole else each for each in asked])
    if whole:
        return IntDistribution(int(asked.low), int(asked.high), log=asked.log)
    return FloatDistribution(asked.low, asked.high, log=asked.log)


def _check(name: str, values: tuple[float, ...], *, whole: bool) -> None:
    """Refuse what ``train`` would refuse, before the first training."""
    if not 0 < len(values) <= _MOST_CHOICES or len(set(values)) < len(values):
        raise ConfigError(
            f"search.space.{name}: expected 1 to {_MOST_CHOICES} different values, found {list(values)!r:.80}"
        )
    for value in values:
        if whole and value != int(value):
            raise ConfigError(f"search.space.{name}: expected whole numbers, found {value:g}")
        try:
            TrainConfig.model_validate({name: int(value) if whole else value})
        except ValueError as error:
            said = str(error).splitlines()[2].strip()
            raise ConfigError(
                f"search.space.{name}: expected values that train takes, found {value:g}: {said}"
            ) from error


def settings_of(proposed: Mapping[str, Any], train: TrainConfig) -> TrainConfig:
    """Return the settings of a training: those of ``train``, and the proposed ones."""
    values = dict(proposed)
    if "lora_rank" in values:
        values["lora_alpha"] = max(1, round(values["lora_rank"] * train.lora_alpha / train.lora_rank))
    settings = TrainConfig.model_validate({**train.model_dump(exclude_unset=True), **values})
    return settings.model_copy(update={"trust_remote_code": train.trust_remote_code})
