"""What ``search`` records."""

from __future__ import annotations

from typing import Literal

from embedtune.project.records import Record, Side

TrialState = Literal["done", "pruned", "failed"]


class TrialRecord(Record):
    """One training of a search.

    Attributes:
        number: From 0.
        state: ``pruned``: broken off, because dev was below the median of the others at that point; ``failed``: see ``reason``.
        settings: Those that were searched.
        score: Mean reciprocal rank of the dev queries that choose, at the end or where it was broken off.
    """

    number: int
    state: TrialState
    settings: dict[str, int | float]
    score: float | None
    reason: str = ""

    def __str__(self) -> str:
        score = "" if self.score is None else f"dev {self.score:.3f}, "
        return f"{score}{self.state}{self.reason and f' ({self.reason})'}: {self.shown_settings}"

    @property
    def shown_settings(self) -> str:
        """The settings on a line."""
        return ", ".join(f"{name} {value:g}" for name, value in self.settings.items())


class SearchRecord(Record):
    """What a search found.

    Attributes:
        method: Of all trials.
        base: Mean reciprocal rank of the base on the dev queries that choose.
        n_queries: Dev queries; ``held_out``: those of them that only confirmed the best trial.
        best: Number of the trial whose settings are in ``recipe.yaml``.
        shipped: What training with them ships.
        gain: Its gain over the base on the dev queries that confirm, and the standard error.
    """

    method: str
    trials: list[TrialRecord]
    base: float
    n_queries: int
    held_out: int
    best: int
    shipped: Side
    gain: float
    standard_error: float
    reason: str = ""

    def summary(self) -> str:
        """Return the best trial, and what it gained."""
        best = next(trial for trial in self.trials if trial.number == self.best)
        where = f"confirmed on {self.held_out or self.n_queries} queries"
        return (
            f"best of {len(self.trials)} trials: number {self.best}, dev {best.score:.3f}, base {self.base:.3f}: "
            f"{best.shown_settings}\n"
            f"{where}: {self.gain:+.3f} ± {self.standard_error:.3f}, the {self.shipped} model is kept: {self.reason}"
        )
