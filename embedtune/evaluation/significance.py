"""Paired comparisons of systems on the same queries: how much better, how surely, and what the queries could have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from embedtune.evaluation.clusters import Floats, guarded_errors, sum_by_cluster
from embedtune.evaluation.exact import holm, mcnemar_p
from embedtune.evaluation.power import ALPHA, detectable_gain
from embedtune.evaluation.resampling import N_RESAMPLES, bootstrap_interval, randomisation_p

SystemScores = Mapping[str, Mapping[str, Floats]]
"""System → measure → score of each query, ``(n_queries,)``, in [0, 1]; the same queries in the same order everywhere."""


class Comparison(NamedTuple):
    """One system against another on one measure.

    Attributes:
        system: The one that may be better.
        reference: The one it is compared with.
        measure: Name of the measure.
        n_queries: Queries.
        n_clusters: Documents or sections they come from.
        reference_mean: Mean score of the reference.
        mean: Mean score of the system.
        difference: ``mean`` - ``reference_mean``.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        error: Cluster-robust standard error of the difference, guarded where hardly anything changed.
        n_changed: Queries whose score differs.
        p: Two-sided p of the clustered randomisation test.
        p_holm: The same, corrected for all measures of this pair of systems.
        p_mcnemar: McNemar's exact p for a measure of hits and misses, which ignores clusters; None for other measures.
        detectable: Smallest true gain that these queries would show with 80 % power.
    """

    system: str
    reference: str
    measure: str
    n_queries: int
    n_clusters: int
    reference_mean: float
    mean: float
    difference: float
    low: float
    high: float
    error: float
    n_changed: int
    p: float
    p_holm: float
    p_mcnemar: float | None
    detectable: float

    @property
    def better(self) -> bool:
        """Whether test and interval agree that the system is better."""
        return self.p <= ALPHA and self.low > 0

    @property
    def worse(self) -> bool:
        """Whether test and interval agree that the system is worse."""
        return self.p <= ALPHA and self.high < 0


def compare(
    scores: SystemScores,
    pairs: Sequence[tuple[str, str]],
    clusters: ArrayLike | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[tuple[str, str], dict[str, Comparison]]:
    """Compare pairs of systems on every measure.

    Args:
        scores: Scores of all systems, all with the same measures.
        pairs: Each a system and the reference it is compared with.
        clusters: Document (or section) of each query, ``(n_queries,)``; None takes queries for independent.
        n_resamples: Sign patterns of the test, and samples of the bootstrap.
        seed: Of both.

    Returns:
        Pair → measure → comparison.

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
    errors, means = guarded_errors(data), data.means
    found: dict[tuple[str, str], dict[str, Comparison]] = {pair: {} for pair in pairs}
    for number, (system, reference, measure) in enumerate(rows):
        before, after = scores[reference][measure], scores[system][measure]
        found[system, reference][measure] = Comparison(
            system=system,
            reference=reference,
            measure=measure,
            n_queries=data.n_queries,
            n_clusters=len(data.sizes),
            reference_mean=float(np.mean(before)),
            mean=float(np.mean(after)),
            difference=float(means[number]),
            low=float(ends[number, 0]),
            high=float(ends[number, 1]),
            error=float(errors[number]),
            n_changed=int((before != after).sum()),
            p=float(p[number]),
            p_holm=float(p[number]),
            p_mcnemar=mcnemar_p(before, after),
            detectable=detectable_gain(float(errors[number])),
        )
    return {pair: _corrected(measures) for pair, measures in found.items()}


def _corrected(measures: Mapping[str, Comparison]) -> dict[str, Comparison]:
    corrected = holm([comparison.p for comparison in measures.values()])
    return {
        name: comparison._replace(p_holm=p) for (name, comparison), p in zip(measures.items(), corrected, strict=True)
    }
