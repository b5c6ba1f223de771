"""Selection on dev: the evaluated step and strength of an update, whether to ship it, and its weight in fusion.

A gain counts when it exceeds its standard error (the one-standard-error rule, Breiman et al. 1984).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedtune.errors import DataError
from embedtune.evaluation.resampling import standard_errors, sum_by_cluster
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.types import Floats

_TIE = 1e-9
Rows = NDArray[np.intp]
CLEARLY = 2.0  # standard errors

LEAST_GAIN = 0.001
"""Less than a tenth of a point is no gain: bf16 alone moves a few queries that far, all of them upward now and then."""


class Prior(NamedTuple):
    """What a recipe gained on other collections: the mean, and the standard deviation between collections."""

    gain: float
    spread: float

    def update(self, gain: float, error: float, n_queries: int) -> Expectation:
        """Return what is expected after a gain with a standard error was seen (normal prior and likelihood).

        One query has no standard error, so nothing was learned from it.
        """
        if n_queries < 2:
            return Expectation(self.gain, self.spread)
        if error == 0:
            return Expectation(gain, 0.0)
        weight = self.spread**2 / (self.spread**2 + error**2)
        return Expectation(self.gain + weight * (gain - self.gain), self.spread * sqrt(1 - weight))


class Expectation(NamedTuple):
    """The expected gain and its standard deviation."""

    gain: float
    deviation: float

    @property
    def risk(self) -> float:
        """The chance that the true gain is below 0."""
        return NormalDist(self.gain, self.deviation).cdf(0) if self.deviation else float(self.gain < 0)


class Decision(NamedTuple):
    """The outcome of a selection.

    Attributes:
        ship: ``tuned`` or ``base``.
        strength: The chosen strength of the update, 0 when the base is shipped.
        gain: Mean dev gain over the base of the chosen strength, or of the best one when the base is shipped.
        error: Standard error of that gain; with clusters the larger of the cluster-robust and the plain one.
        expected: What is expected of the gain, where other collections count too.
    """

    ship: str
    strength: float
    gain: float
    error: float
    expected: Expectation | None = None


def decide(
    base: Floats,
    tuned: Mapping[float, Floats],
    clusters: ArrayLike | None = None,
    *,
    errors: float = 1.0,
    prior: Prior | None = None,
) -> Decision:
    """Choose the interpolation strength α (WiSE-FT) and whether it is shipped.

    The strength with the best mean is taken, of equals the smallest. It is shipped when its gain over the unquantised base is
    larger than ``errors`` of the gain's (paired) standard errors, and not so small that rounding could have made it. With a
    prior the expected gain is taken in its place: a dozen dev queries say little, and what other collections gained says more.

    Args:
        base: Score of each dev query with the base, ``(n_queries,)``.
        tuned: The same by strength; at least one.
        clusters: Document of each dev query, ``(n_queries,)``; None takes queries for independent.
        errors: Standard errors that the gain must exceed, from 0 up; 0 ships the larger expected value.
        prior: What the recipe gained on other collections; None takes dev alone.
    """
    strength = max(tuned, key=lambda alpha: (tuned[alpha].mean(), -alpha))
    difference = tuned[strength] - base
    gain, error = float(difference.mean()), _error(difference, clusters)
    expected = prior.update(gain, error, len(difference)) if prior else None
    likely = expected.gain if expected else gain
    if likely >= LEAST_GAIN and _exceeds(likely, errors * error):
        return Decision("tuned", strength, gain, error, expected)
    return Decision("base", 0.0, gain, error, expected)


def hold_out(clusters: ArrayLike, share: float, seed: int) -> tuple[Rows, Rows]:
    """Split queries into those that choose and those that confirm, ``(n,)`` row numbers in order; 0 lets all do both.

    What was chosen among many looks better on the queries that chose it than it is; others tell what it is worth, however it
    was chosen (Varma & Simon 2006; Cawley & Talbot 2010). Queries of one cluster stay together.

    Args:
        clusters: Document of each query, ``(n_queries,)``.
        share: Of the queries that confirm, from 0 to below 1.
        seed: Of the order in which clusters are drawn.

    Raises:
        DataError: If all queries are of one cluster.
    """
    labels = np.asarray(clusters)
    if not share:
        return np.arange(len(labels)), np.arange(len(labels))
    names, sizes = np.unique(labels, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = (np.cumsum(sizes[order]) - sizes[order])[:-1]  # the last one stays to choose, whatever the share
    confirming = np.isin(labels, names[order[:-1][before < share * len(labels)]])
    if not confirming.any():
        raise DataError(
            f"train.dev_held_out: expected dev queries of two documents at least, found {len(names)}",
            hint="add documents or labels, or set train.dev_held_out=0",
        )
    return np.flatnonzero(~confirming), np.flatnonzero(confirming)


def beats(scores: Floats, other: Floats, clusters: ArrayLike | None = None) -> bool:
    """Return whether one ranks better than the other by more than the (paired) standard error of the difference."""
    difference = scores - other
    return _exceeds(float(difference.mean()), _error(difference, clusters))


def choose_evaluation(scores: Sequence[Floats], clusters: ArrayLike | None = None) -> int:
    """Return which of several evaluations during a training, at least one, to keep.

    The last has the full schedule behind it; an earlier one is kept only where it beats the last by more than the (paired)
    standard error of the difference, the best such one.
    """
    last = len(scores) - 1
    better = [number for number in range(last) if beats(scores[number], scores[last], clusters)]
    return max(better, key=lambda number: float((scores[number] - scores[last]).mean()), default=last)


def choose_weight(scores: Mapping[float, Floats], clusters: ArrayLike | None = None, *, judged: bool = False) -> float:
    """Return the weight of the dense side in fusion from the scores of each dev query by weight; without queries the usual one.

    Synthetic queries flatter the words of their passages, even those that the answers lost. So of the weights that
    are not clearly worse than the best one, by two (paired) standard errors, the largest is taken; but no more than the usual
    one unless the best is more. Of judged queries there are few: of the weights within one standard error of the best one,
    that nearest to the usual one is taken.
    """
    if not len(next(iter(scores.values()))):
        return DEFAULT_WEIGHT
    best = max(scores, key=lambda weight: (round(float(scores[weight].mean()), 4), -abs(weight - DEFAULT_WEIGHT)))
    losses = {weight: scores[best] - values for weight, values in scores.items()}
    errors = 1.0 if judged else CLEARLY
    close = [weight for weight, loss in losses.items() if not _exceeds(loss.mean(), errors * _error(loss, clusters))]
    if judged:
        return min(close, key=lambda weight: (abs(weight - DEFAULT_WEIGHT), -weight))
    return min(max(close), max(DEFAULT_WEIGHT, best))


def _exceeds(gain: float, error: float) -> bool:
    """Return whether a gain is larger than its error; equal, as where one query alone changed, it is not, however rounded."""
    return gain > error * (1 + _TIE)


def _error(difference: Floats, clusters: ArrayLike | None) -> float:
    """Return the larger of the plain and the clustered standard error: one that few documents make smaller is luck."""
    return max(float(standard_errors(sum_by_cluster(difference, labels))[0]) for labels in (None, clusters))
