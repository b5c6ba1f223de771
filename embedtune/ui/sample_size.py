"""How many queries a human test set has, and how many it takes to show a gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedtune.evaluation.resampling import guarded_errors, sum_by_cluster
from embedtune.evaluation.significance import queries_needed
from embedtune.types import Qrels

GAINS = (0.05, 0.02)
"""The gains of nDCG@10 that are planned for."""

FEWEST = 10
"""Judged queries whose own spread is believed; under it, that of the run's evaluation stands in."""


def count(qrels: Qrels) -> tuple[int, int]:
    """Return how many queries are judged, and how many of them without a relevant passage."""
    return len(qrels), sum(not any(grade > 0 for grade in grades.values()) for grades in qrels.values())


def needed(differences: Sequence[float]) -> dict[float, int] | None:
    """Return for each of ``GAINS`` how many queries show it four times in five; None for too few to tell.

    By ``evaluation.power``, with the standard error of the mean of these differences; queries are taken for independent, which
    those that people typed mostly are.

    Args:
        differences: Of a measure in [0, 1], tuned - base, of each query.
    """
    if len(differences) < FEWEST:
        return None
    error_of_one = float(guarded_errors(sum_by_cluster(np.asarray(differences)))[0]) * len(differences) ** 0.5
    return {gain: 1 + queries_needed(gain, error_of_one, 1) for gain in GAINS}


def sentence(qrels: Qrels, plan: dict[float, int] | None, *, borrowed: bool) -> str:
    """Say how many queries are judged and how many are needed.

    Args:
        qrels: The judgements so far.
        plan: As ``needed`` returns it.
        borrowed: Whether the plan goes by the spread of the run's evaluation.
    """
    judged, empty = count(qrels)
    said = f"{judged} quer{'y' if judged == 1 else 'ies'} judged"
    said += f", {empty} without a relevant passage. " if empty else ". "
    if plan is None:
        return f"{said}After {FEWEST} it can be told how many are needed."
    told = ", ".join(f"{queries:,} to show a gain of {100 * gain:g} points" for gain, queries in plan.items())
    by = "by how much the queries of the run's evaluation differ" if borrowed else "by how much these differ"
    return f"{said}About {told} of nDCG@10 four times in five ({by})."
