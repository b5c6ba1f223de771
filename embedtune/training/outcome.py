"""Why a tuned model is not shipped: worse, noise, too little, or a training that diverged, collapsed or never moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from embedtune.training.selection import LEAST_GAIN
from embedtune.types import Vectors

MIN_CHANGE = 1e-4
"""A mean cosine to the base of 1 less this, or more, is no change."""

_SAME = 0.9  # mean cosine of different queries from which on their vectors are nearly one, if the base's are not
_FLAT = 0.1  # of the loss: what it must rise to be called diverged, and fall to be called learned
_ENDS = 0.1  # of the steps: over the first, that of warm-up, and over the last the loss is averaged


class Training(NamedTuple):
    """What a training did to its loss and to the vectors of dev queries.

    Attributes:
        losses: Of each step, at least one.
        to_base: Mean cosine of each query's vector to that of the base, −1 to 1.
        between: Mean cosine of different queries, −1 to 1; ``base_between``: the same of the base.
        rate: Name of the setting of its learning rate; ``epochs``: of its epochs.
    """

    losses: Sequence[float]
    to_base: float
    between: float
    base_between: float
    rate: str = "train.learning_rate"
    epochs: str = "train.epochs"


def observe(method: str, losses: Sequence[float], base: Vectors, tuned: Vectors) -> Training:
    """Return what a training by some method did, from unit vectors ``(n, dim)`` of the same queries by base and tuned model."""
    side = "train.query_side." if method in ("query-lora", "linear") else "train."
    rate = "linear_learning_rate" if method == "linear" else "learning_rate"
    to_base = float((base * tuned).sum(axis=1).mean())
    return Training(losses, to_base, _between(tuned), _between(base), side + rate, f"{side}epochs")


def _between(vectors: Vectors) -> float:
    n = len(vectors)
    total = vectors.sum(axis=0, dtype=float)
    return float(total @ total - n) / (n * (n - 1)) if n > 1 else 0.0


def why_not_shipped(gain: float, error: float, training: Training | None = None) -> str:
    """Return the reason, with the loss and the setting to change where there was a training.

    Args:
        gain: Over the base on dev, not enough to be shipped.
        error: Its standard error.
        training: What was observed; None where a method trains nothing.
    """
    worse = -gain > error
    if worse:
        judged = "worse than the base"
    elif 0 < gain < LEAST_GAIN and gain > error:
        judged = f"a gain of less than {LEAST_GAIN:g}, which rounding alone can make"
    else:
        judged = "no more than noise over the base"
    if training is None:
        return judged
    cause, advice = _cause(training, gain, worse=worse)
    first, last = _ends(training.losses)
    return f"{judged}; {cause} (loss {first:.3g} → {last:.3g}): {advice}"


def _cause(training: Training, gain: float, *, worse: bool) -> tuple[str, str]:
    """Return what the training did, and what to change."""
    first, last = _ends(training.losses)
    rate, epochs = training.rate, training.epochs
    if training.to_base >= 1 - MIN_CHANGE:
        cause = f"training hardly moved the model, mean cosine of queries to the base {training.to_base:.5f}"
        return cause, f"raise {rate} or {epochs}"
    if gain <= 0 and training.between >= _SAME and 1 - training.between <= (1 - training.base_between) / 2:
        cosines = f"{training.between:.3f}, by the base {training.base_between:.3f}"
        return f"training collapsed, mean cosine between queries {cosines}", f"lower {rate}, or raise train.temperature"
    if not math.isfinite(last) or (worse and last > (1 + _FLAT) * first):
        return "training diverged", f"lower {rate}"
    if worse:
        advice = f"lower {rate} or {epochs}, or add a smaller one of train.strengths"
        return "what training learned does not help on dev", advice
    if last > (1 - _FLAT) * first:
        return "training hardly learned", f"raise {rate} or {epochs}"
    return "training learned its pairs", "more dev queries would show a smaller gain"


def _ends(losses: Sequence[float]) -> tuple[float, float]:
    n = max(1, round(_ENDS * len(losses)))
    return sum(losses[:n]) / n, sum(losses[-n:]) / n
