"""Paired comparison of systems on the same queries: difference, interval, tests, and the power of the test set.

Power is computed by the normal approximation, two-sided at 5 % with 80 % power (Cohen 1988, ch. 2; for test collections Sakai
2016): a true gain is detected four times in five if it is (1.96 + 0.84) standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from embedtune.evaluation.resampling import (
    N_RESAMPLES,
    bootstrap_interval,
    guarded_errors,
    randomisation_p,
    sum_by_cluster,
)
from embedtune.project.evaluation_records import Comparison
from embedtune.types import Floats

FEWEST_CLUSTERS = 6
"""With fewer no p can be 0.05: all signs alike is one of two of 2⁵ = 32 patterns. An interval would be a guess, too."""


def average_seeds(scores: Sequence[Floats]) -> Floats:
    """Average each query's score over seeds, each ``(n_queries,)``; this is what is tested.

    Seeds answer the same queries, so they are no new evidence about queries: tested as 3 · n_queries scores, they would be
    counted three times. The average speaks about the expected model of a training, the deviation about a single one.
    """
    mean: Floats = np.mean(np.stack(scores), axis=0)
    return mean


def mcnemar_p(reference: ArrayLike, system: ArrayLike) -> float | None:
    """Test hits and misses (0 or 1 for each query) exactly, two-sided (McNemar 1947): are wins and losses a fair coin?

    It takes queries for independent. Where queries of one document change together its p is too small; the clustered
    randomisation test is the one that decides, this one is for comparison with other work. p is in (0, 1], 1 where nothing
    changed; None for scores that are not 0 or 1.
    """
    from scipy.stats import binomtest

    before, after = np.asarray(reference), np.asarray(system)
    if not np.isin(np.concatenate([before, after]), (0.0, 1.0)).all():
        return None
    wins, losses = int((after > before).sum()), int((after < before).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Correct p so that any false claim among several measures has at most the probability it says (Holm 1979); in [p, 1]."""
    corrected = [0.0] * len(p)
    largest = 0.0
    for place, number in enumerate(sorted(range(len(p)), key=lambda number: p[number])):
        largest = max(largest, min(1.0, (len(p) - place) * p[number]))
        corrected[number] = largest
    return corrected


ALPHA = 0.05
POWER = 0.8
_WHOLE_RANGE = 2.0  # an interval from -1 to +1 says nothing: too few clusters
_ERRORS = NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)


def detectable_gain(error: float) -> float:
    """Return the smallest true gain that would be shown with 80 % power, given the standard error of the mean difference."""
    return _ERRORS * error


def queries_needed(gain: float, error: float, n_queries: int) -> int:
    """Return how many more queries it would take to show a gain (above 0) with 80 % power; 0 where there are enough.

    More queries must come as these came, with as many for each document: queries of documents that are there already say less.
    The standard error of the mean difference over ``n_queries`` falls with the root of their number.
    """
    if gain <= 0:
        raise ValueError(f"expected a gain above 0, got {gain}")
    return max(0, math.ceil(n_queries * (detectable_gain(error) / gain) ** 2) - n_queries)


def is_better(p: float, low: float) -> bool:
    """Return whether test and 95 % interval agree that a system is better: p ≤ 0.05 and the lower end above 0."""
    return p <= ALPHA and low > 0


def is_worse(p: float, high: float) -> bool:
    """Return whether test and 95 % interval agree that a system is worse: p ≤ 0.05 and the upper end below 0."""
    return p <= ALPHA and high < 0


SystemScores = Mapping[str, Mapping[str, Floats]]
"""System → measure → score of each query, ``(n_queries,)``, in [0, 1]; the same queries in the same order everywhere."""


def compare(
    scores: SystemScores,
    pairs: Sequence[tuple[str, str]],
    clusters: ArrayLike | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[tuple[str, str], dict[str, Comparison]]:
    """Compare pairs of systems, each with its reference, on every measure: pair → measure → comparison.

    Clusters are the document (or section) of each query, ``(n_queries,)``; None takes queries for independent. A system is
    better, or worse, where test (p ≤ 0.05) and 95 % interval agree; queries of a single cluster give no interval.

    Raises:
        ValueError: If a comparison has no queries, or labels and scores differ in number.
    """
    rows = [(system, reference, measure) for system, reference in pairs for measure in scores[reference]]
    if not rows:
        return {}
    differences = [scores[system][measure] - scores[reference][measure] for system, reference, measure in rows]
    data = sum_by_cluster(np.stack(differences), clusters)
    p = randomisation_p(data, n_resamples=n_resamples, seed=seed)
    ends = bootstrap_interval(data, n_resamples=n_resamples, seed=seed)
    errors, n_clusters = guarded_errors(data), len(data.sizes)
    found: dict[tuple[str, str], list[Comparison]] = {pair: [] for pair in pairs}
    for number, (system, reference, measure) in enumerate(rows):
        before, after = scores[reference][measure], scores[system][measure]
        low, high = map(float, ends[number])
        probability, error = float(p[number]), float(errors[number])
        comparison = Comparison(
            system=system,
            reference=reference,
            measure=measure,
            n_queries=data.n_queries,
            n_clusters=n_clusters,
            reference_mean=float(np.mean(before)),
            mean=float(np.mean(after)),
            difference=float(data.means[number]),
            ci95=(low, high) if n_clusters >= FEWEST_CLUSTERS and high - low < _WHOLE_RANGE else None,
            error=error,
            n_changed=int((before != after).sum()),
            p=probability,
            p_holm=probability,
            p_mcnemar=mcnemar_p(before, after),
            detectable=detectable_gain(error),
            better=is_better(probability, low),
            worse=is_worse(probability, high),
        )
        found[system, reference].append(comparison)
    return {
        pair: {
            row.measure: row.model_copy(update={"p_holm": p_holm})
            for row, p_holm in zip(rows_of_pair, holm([row.p for row in rows_of_pair]), strict=True)
        }
        for pair, rows_of_pair in found.items()
    }
