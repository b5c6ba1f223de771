"""The impact of a defect: by how many points a figure changes once it is fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from embedtune.evaluation.measures import per_query
from embedtune.evaluation.verdict import MIN_GAIN, PRIMARY
from embedtune.project.evaluation_records import AuditRecord
from embedtune.types import Qrels, Run

Runs = Mapping[str, Run]
"""The run of ``base`` and, where one was tuned, of ``tuned``."""

Scores = Mapping[str, Mapping[str, float]]
"""System → query id → score of the primary measure, in [0, 1]."""


class Impact(NamedTuple):
    """Change once the defect is fixed, in points of the primary measure.

    Attributes:
        score: Of the base's score; None if unknown.
        gain: Of the gain of tuned over base; None without a tuned model, or if unknown.
    """

    score: float | None
    gain: float | None


UNKNOWN = Impact(None, None)


def record(
    name: str,
    sentence: str,
    n_affected: int = 0,
    impact: Impact = UNKNOWN,
    advice: str | None = None,
    *,
    severity: str | None = None,
) -> AuditRecord:
    """Return the record of an audit; unless a severity is given it follows from the impact."""
    return AuditRecord(
        name=name,
        severity=severity or severity_of(n_affected, impact),
        sentence=sentence,
        n_affected=n_affected,
        score_impact=impact.score,
        gain_impact=impact.gain,
        advice=advice,
    )


def score(qrels: Qrels, runs: Runs) -> Scores:
    """Score each system's run by the primary measure."""
    return {system: per_query(qrels, run)[PRIMARY] for system, run in runs.items()}


def mean(scores: Mapping[str, float]) -> float:
    """Return the mean over queries; 0 when there are none."""
    return sum(scores.values()) / max(1, len(scores))


def gain(scores: Scores) -> float | None:
    """Return the mean gain of tuned over base, a share; None without a tuned model."""
    return mean(scores["tuned"]) - mean(scores["base"]) if "tuned" in scores else None


def impact_of(before: Scores, after: Scores) -> Impact:
    """Return the change from the scores as they are to the fixed ones; unknown if no query is left."""
    if not after["base"]:
        return UNKNOWN
    old, new = gain(before), gain(after)
    change = None if old is None or new is None else points(new - old)
    return Impact(points(mean(after["base"]) - mean(before["base"])), change)


def points(share: float) -> float:
    """Return a share as points, without the noise of floating point."""
    return round(100 * share, 4) + 0.0


def severity_of(n_affected: int, impact: Impact) -> str:
    """Return the severity of a defect: a point of score or gain is worth a warning."""
    if not n_affected:
        return "ok"
    return "warn" if any(abs(value or 0) >= 100 * MIN_GAIN for value in impact) else "note"


def describe(impact: Impact) -> str:
    """Return an impact in words."""
    if impact.score is None:
        return "the effect of that is unknown"
    words = f"the base's {PRIMARY} changes by {impact.score:+.2f} points"
    return words if impact.gain is None else f"{words} and the gain by {impact.gain:+.2f}"
