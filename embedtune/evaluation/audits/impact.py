"""What an audit found, and its impact: by how many points a figure changes once the defect is fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from embedtune.evaluation.measures import per_query
from embedtune.evaluation.verdict import MIN_GAIN, PRIMARY
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


class Finding(NamedTuple):
    """What one audit found.

    Attributes:
        name, severity, sentence, n_affected, advice: As in ``AuditRecord``.
        impact: Points by which fixing it would change the base's score and the gain.
    """

    name: str
    severity: str
    sentence: str
    n_affected: int
    impact: Impact = UNKNOWN
    advice: str | None = None


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


def severity_of(n_affected: int, found: Impact) -> str:
    """Return the severity of a defect by its impact."""
    if not n_affected:
        return "ok"
    known = [abs(value) for value in found if value is not None]
    return "warn" if any(value >= 100 * MIN_GAIN for value in known) else "note"


def describe(found: Impact) -> str:
    """Return an impact in words."""
    if found.score is None:
        return "the effect of that is unknown"
    words = f"the base's {PRIMARY} changes by {found.score:+.2f} points"
    return words if found.gain is None else f"{words} and the gain by {found.gain:+.2f}"
