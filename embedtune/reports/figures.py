"""Figures of a report that no other file of the evaluation holds: all from the runs, none searched for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.resampling import bootstrap_interval, sum_by_cluster
from embedtune.evaluation.verdict import PRIMARY
from embedtune.types import Qrels, Run

DEEPEST = 100
"""The hit rate is told up to here."""

MOST_LOSSES = 200
"""Points of the loss curve; more steps than that are averaged in stretches."""

_BINS = 24
_GRID = 20  # the histogram begins and ends at a twentieth


def hit_rate_by_k(ranks: Mapping[str, Sequence[int | None]]) -> dict[str, Any]:
    """Return the share of queries with a relevant unit among the first k, for k from 1 to 100.

    Args:
        ranks: System → rank of the best relevant unit of each query.
    """
    systems = {}
    for system, found in ranks.items():
        counts = np.bincount([rank for rank in found if rank and rank <= DEEPEST], minlength=DEEPEST + 1)[1:]
        systems[system] = [round(float(value), 6) for value in np.cumsum(counts) / max(1, len(found))]
    return {"k": list(range(1, DEEPEST + 1)), "systems": systems}


def score_histograms(qrels: Qrels, runs: Mapping[str, Run]) -> dict[str, Any]:
    """Count how the best right and the best wrong unit of each query score, over common ranges.

    Returns:
        ``edges`` (one more than there are ranges) and ``systems``: name → ``right``, ``wrong`` (queries in each range),
        ``n_above`` (queries whose right unit scores higher than every wrong one), ``n_absent`` (without one in the run).
    """
    best = {
        system: [_best(grades, run.get(name, {})) for name, grades in qrels.items()] for system, run in runs.items()
    }
    known = [value for pairs in best.values() for pair in pairs for value in pair if value is not None]
    low = np.floor(min(known, default=0.0) * _GRID) / _GRID
    high = max(np.ceil(max(known, default=1.0) * _GRID) / _GRID, low + 1 / _GRID)
    edges = np.linspace(low, high, _BINS + 1)
    return {
        "edges": [round(float(edge), 6) for edge in edges],
        "systems": {
            system: {
                "right": _counts([right for right, _ in pairs], edges),
                "wrong": _counts([wrong for _, wrong in pairs], edges),
                "n_above": sum(right is not None and (wrong is None or right > wrong) for right, wrong in pairs),
                "n_absent": sum(right is None for right, _ in pairs),
            }
            for system, pairs in best.items()
        },
    }


def _best(grades: Mapping[str, int], scores: Mapping[str, float]) -> tuple[float | None, float | None]:
    relevant = {unit for unit, grade in grades.items() if grade > 0}
    right = max((scores[unit] for unit in relevant if unit in scores), default=None)
    return right, max((score for unit, score in scores.items() if unit not in relevant), default=None)


def _counts(values: Sequence[float | None], edges: NDArray[np.floating[Any]]) -> list[int]:
    counted, _ = np.histogram([value for value in values if value is not None], bins=edges)
    return [int(count) for count in counted]


def intervals(values: Mapping[str, PerQuery], clusters: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Return a 95 % interval of each system's mean of the primary measure, over documents or sections.

    Args:
        values: Scores of each system.
        clusters: Document or section of each query, in the order of the qrels.
        seed: Of the resamples.
    """
    data = sum_by_cluster(np.array([list(each[PRIMARY].values()) for each in values.values()]), clusters)
    ends = np.clip(bootstrap_interval(data, seed=seed), 0.0, 1.0).tolist()
    systems = {system: [round(end, 6) for end in pair] for system, pair in zip(values, ends, strict=True)}
    return {"measure": PRIMARY, "systems": systems}


def thinned(losses: Sequence[float]) -> list[tuple[float, float]]:
    """Return (step, loss) pairs, at most ``MOST_LOSSES``: of more steps the means of stretches, each at its middle."""
    steps = np.arange(1, len(losses) + 1)
    stretches = np.array_split(np.column_stack([steps, losses]), min(MOST_LOSSES, len(losses)) or 1)
    return [
        (round(float(step), 1), round(float(loss), 4))
        for step, loss in (part.mean(axis=0) for part in stretches if len(part))
    ]
