"""Figures of a report that no other file of the evaluation holds, computed from its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.resampling import bootstrap_interval, sum_by_cluster
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.records import Record
from embedtune.types import Floats, Qrels, Run

DEEPEST = 100
"""The hit rate is shown up to this k."""

MOST_LOSSES = 200
"""Points of the loss curve; more steps than that are averaged in stretches."""

_BINS = 24
_GRID = 20  # the histogram begins and ends at a twentieth


class HitRates(Record):
    """The hit rate of each system at each k."""

    k: list[int]
    systems: dict[str, list[float]]


class ScoreCounts(Record):
    """Scores of one system.

    Attributes:
        right: Queries whose best relevant unit scores in each range.
        wrong: The same for the best other unit.
        n_above: Queries whose relevant unit scores higher than every other one.
        n_absent: Queries without a relevant unit in the run.
    """

    right: list[int]
    wrong: list[int]
    n_above: int
    n_absent: int


class ScoreHistograms(Record):
    """Histograms over common ranges; there is one edge more than there are ranges."""

    edges: list[float]
    systems: dict[str, ScoreCounts]


class Intervals(Record):
    """The 95 % interval of each system's mean of a measure; None if the queries cannot give one."""

    measure: str
    systems: dict[str, tuple[float, float] | None]


def hit_rate_by_k(ranks: Mapping[str, Sequence[int | None]]) -> HitRates:
    """Return the share of queries with a relevant unit among the first k, for k from 1 to 100.

    Args:
        ranks: System → rank of the best relevant unit of each query.
    """
    systems = {}
    for system, found in ranks.items():
        counts = np.bincount([rank for rank in found if rank and rank <= DEEPEST], minlength=DEEPEST + 1)[1:]
        systems[system] = [round(float(value), 6) for value in np.cumsum(counts) / max(1, len(found))]
    return HitRates(k=list(range(1, DEEPEST + 1)), systems=systems)


def score_histograms(qrels: Qrels, runs: Mapping[str, Run]) -> ScoreHistograms:
    """Count how the best relevant and the best other unit of each query score, over common ranges."""
    best = {
        system: [_best(grades, run.get(name, {})) for name, grades in qrels.items()] for system, run in runs.items()
    }
    known = [value for pairs in best.values() for pair in pairs for value in pair if value is not None]
    low = np.floor(min(known, default=0.0) * _GRID) / _GRID
    high = max(np.ceil(max(known, default=1.0) * _GRID) / _GRID, low + 1 / _GRID)
    edges = np.linspace(low, high, _BINS + 1)
    return ScoreHistograms(
        edges=[round(float(edge), 6) for edge in edges],
        systems={
            system: ScoreCounts(
                right=_counts([right for right, _ in pairs], edges),
                wrong=_counts([wrong for _, wrong in pairs], edges),
                n_above=sum(right is not None and (wrong is None or right > wrong) for right, wrong in pairs),
                n_absent=sum(right is None for right, _ in pairs),
            )
            for system, pairs in best.items()
        },
    )


def _best(grades: Mapping[str, int], scores: Mapping[str, float]) -> tuple[float | None, float | None]:
    relevant = {unit for unit, grade in grades.items() if grade > 0}
    right = max((scores[unit] for unit in relevant if unit in scores), default=None)
    return right, max((score for unit, score in scores.items() if unit not in relevant), default=None)


def _counts(values: Sequence[float | None], edges: Floats) -> list[int]:
    counted, _ = np.histogram([value for value in values if value is not None], bins=edges)
    return [int(count) for count in counted]


def intervals(values: Mapping[str, PerQuery], clusters: Sequence[str], *, seed: int) -> Intervals:
    """Return a 95 % interval of each system's mean of the primary measure, over documents or sections.

    Args:
        values: Scores of each system.
        clusters: Document or section of each query, in the order of the qrels.
        seed: Of the resamples.
    """
    if len(set(clusters)) == 1:
        return Intervals(measure=PRIMARY, systems=dict.fromkeys(values))
    data = sum_by_cluster(np.array([list(each[PRIMARY].values()) for each in values.values()]), clusters)
    ends = np.clip(bootstrap_interval(data, seed=seed), 0.0, 1.0).tolist()
    systems = {system: (round(low, 6), round(high, 6)) for system, (low, high) in zip(values, ends, strict=True)}
    return Intervals(measure=PRIMARY, systems=systems)


def thinned(losses: Sequence[float]) -> list[tuple[float, float]]:
    """Return (step, loss) pairs, at most ``MOST_LOSSES``: of more steps the means of stretches, each at its middle."""
    steps = np.arange(1, len(losses) + 1)
    stretches = np.array_split(np.column_stack([steps, losses]), min(MOST_LOSSES, len(losses)) or 1)
    return [
        (round(float(step), 1), round(float(loss), 4))
        for step, loss in (part.mean(axis=0) for part in stretches if len(part))
    ]
