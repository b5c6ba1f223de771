"""Bounds on what an evaluation found, for programs that must stop when a model got worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedtune.errors import ConfigError, QualityError, did_you_mean
from embedtune.evaluation.measures import MEASURES
from embedtune.evaluation.significance import ALPHA
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.stage import by_query_set


def read_bounds(texts: Sequence[str]) -> dict[str, float]:
    """Read ``MEASURE=VALUE`` strings; of two for one measure both hold, so the larger counts.

    Raises:
        ConfigError: With every one that names no measure or has no value from 0 to 1.
    """
    bounds: dict[str, float] = {}
    problems = []
    for text in texts:
        measure, _, value = text.partition("=")
        bound = _number(value)
        if measure not in MEASURES:
            problems.append(f"--fail-under {text}: {_unknown(measure)}")
        elif bound is None:
            problems.append(f"--fail-under {text}: expected a value from 0 to 1, found {value!r}")
        else:
            bounds[measure] = max(bound, bounds.get(measure, 0.0))
    if problems:
        raise ConfigError.collect("bounds", problems, hint=f"for example --fail-under {PRIMARY}=0.8")
    return bounds


def check_quality(facts: Mapping[str, Any], bounds: Mapping[str, float], *, if_worse: bool = False) -> None:
    """Hold what ``evaluate`` found against bounds.

    Args:
        facts: Of ``evaluate``.
        bounds: Measure → smallest value that the shipped model may have.
        if_worse: Refuse also a tuned model that is shown to be worse than the base: nDCG@10, by the verdict's own test.

    Raises:
        QualityError: With everything that is not met.
    """
    problems = [problem for block in by_query_set(facts) for problem in _problems(block, bounds, if_worse=if_worse)]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise QualityError(
            f"eval: the shipped model is not good enough\n{lines}",
            hint="everything was written; per_query.tsv shows the queries that were lost",
        )


def _problems(block: Mapping[str, Any], bounds: Mapping[str, float], *, if_worse: bool) -> list[str]:
    found = block["systems"][block["shipped"]]
    missed = [
        f"{block['queries']}: {block['shipped']}: expected {measure} of at least {bound:g}, found {found[measure]:.4f}"
        for measure, bound in bounds.items()
        if found[measure] < bound
    ]
    losses = [each for each in block["comparisons"] if if_worse and _is_loss(each)]
    return missed + [f"{block['queries']}: {_loss(each)}" for each in losses]


def _is_loss(comparison: Mapping[str, Any]) -> bool:
    pair = comparison["a"], comparison["b"], comparison["measure"]
    return pair == ("tuned", "base", PRIMARY) and comparison["p_value"] <= ALPHA and comparison["ci95"][1] < 0


def _loss(comparison: Mapping[str, Any]) -> str:
    low, high = (100 * end for end in comparison["ci95"])
    return (
        f"tuned: expected {PRIMARY} no worse than the base's, found {100 * comparison['delta']:+.1f} points "
        f"(95 % interval {low:+.1f} to {high:+.1f}, p = {comparison['p_value']:.2g})"
    )


def _unknown(measure: str) -> str:
    close = did_you_mean(measure, MEASURES)
    return f"there is no measure {measure!r}" + (close or f"; known: {', '.join(MEASURES)}")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
