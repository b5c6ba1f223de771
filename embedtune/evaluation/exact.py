"""Tests that need no resampling: McNemar's for hit rates, Holm's correction for several measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def mcnemar_p(reference: ArrayLike, system: ArrayLike) -> float | None:
    """Test hits and misses exactly, two-sided (McNemar 1947): are wins and losses a fair coin?

    It takes queries for independent. Where queries of one document change together its p is too small; the clustered
    randomisation test is the one that decides, this one is for comparison with other work.

    Args:
        reference: 0 or 1 for each query, ``(n_queries,)``.
        system: The same queries with the other system.

    Returns:
        p in (0, 1], 1 where nothing changed; None for scores that are not 0 or 1.
    """
    from scipy.stats import binomtest

    before, after = np.asarray(reference), np.asarray(system)
    if not np.isin(np.concatenate([before, after]), (0.0, 1.0)).all():
        return None
    wins, losses = int((after > before).sum()), int((after < before).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Correct the p of several measures so that any false claim among them has at most the probability it says (Holm 1979).

    Returns:
        Corrected p in the order given, each in [p, 1].
    """
    corrected = [0.0] * len(p)
    largest = 0.0
    for place, number in enumerate(sorted(range(len(p)), key=lambda number: p[number])):
        largest = max(largest, min(1.0, (len(p) - place) * p[number]))
        corrected[number] = largest
    return corrected
