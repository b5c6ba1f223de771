"""Bounds on the measures of an evaluation, for pipelines that must fail when a model gets worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

from embedtune.errors import ConfigError, QualityError, did_you_mean
from embedtune.evaluation.measures import MEASURES
from embedtune.evaluation.points import evidence, points
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord


def read_bounds(texts: Sequence[str], further: Sequence[str] = ()) -> dict[str, float]:
    """Read ``MEASURE=VALUE`` strings, for the measures of every evaluation and further ones; the larger of two counts.

    Raises ``ConfigError`` with every one that names no measure or has no value from 0 to 1.
    """
    bounds: dict[str, float] = {}
    problems, known = [], [*MEASURES, *further]
    for text in texts:
        measure, _, value = text.partition("=")
        try:
            bound = float(value)
        except ValueError:
            bound = nan
        if measure not in known:
            close = did_you_mean(measure, known) or f"; known: {', '.join(known)}, and what --measures names"
            problems.append(f"--fail-under {text}: there is no measure {measure!r}{close}")
        elif not 0 <= bound <= 1:
            problems.append(f"--fail-under {text}: expected a value from 0 to 1, found {value!r}")
        else:
            bounds[measure] = max(bound, bounds.get(measure, 0.0))
    if problems:
        raise ConfigError.collect("bounds", problems, hint=f"for example --fail-under {PRIMARY}=0.8")
    return bounds


def check_quality(evaluation: EvaluationRecord, bounds: Mapping[str, float], *, if_worse: bool = False) -> None:
    """Check an evaluation against bounds: measure → smallest value that the shipped model may have.

    ``if_worse`` refuses also a tuned model that is significantly worse than the base by nDCG@10, as the verdict tests it.

    Raises ``QualityError`` with all bounds that are missed.
    """
    problems = [
        problem for results in evaluation.sets.values() for problem in _problems(results, bounds, if_worse=if_worse)
    ]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise QualityError(
            f"eval: the shipped model is not good enough\n{lines}",
            hint="everything was written; per_query.tsv shows the queries that were lost",
        )


def _problems(results: QuerySetRecord, bounds: Mapping[str, float], *, if_worse: bool) -> list[str]:
    shipped = results.systems[results.shipped]
    missed = [
        f"{results.queries}: {results.shipped}: expected {measure} of at least {bound:g}, found {shipped[measure]:.4f}"
        for measure, bound in bounds.items()
        if shipped[measure] < bound
    ]
    gain = results.comparison("tuned", "base", PRIMARY)
    if if_worse and gain and gain.worse:
        missed.append(
            f"{results.queries}: tuned: expected {PRIMARY} no worse than the base's, found {points(gain.difference)} points "
            f"({evidence(gain.ci95, gain.p)})"
        )
    return missed
