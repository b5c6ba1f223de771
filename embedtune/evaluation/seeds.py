"""Several seeds of one training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from embedtune.types import Floats


class Spread(NamedTuple):
    """How a mean varies over seeds.

    Attributes:
        mean: Over seeds.
        deviation: Sample standard deviation; None for a single seed.
        n_seeds: Number of seeds.
    """

    mean: float
    deviation: float | None
    n_seeds: int


def spread(values: Sequence[float]) -> Spread:
    """Summarise one figure over seeds, such as the mean nDCG@10 of each.

    Raises:
        ValueError: If there are no values.
    """
    if not values:
        raise ValueError("expected at least one seed")
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None, len(values))


def average_seeds(scores: Sequence[Floats]) -> Floats:
    """Average each query's score over seeds, ``(n_queries,)``; this is what is tested.

    Seeds answer the same queries, so they are no new evidence about queries: tested as 3 · n_queries scores, they would be
    counted three times. The average speaks about the expected model of a training, the spread about a single one.

    Args:
        scores: For each seed ``(n_queries,)``, the same queries in the same order.
    """
    mean: Floats = np.mean(np.stack(scores), axis=0)
    return mean
