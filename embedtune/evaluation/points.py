"""Differences of scores as text, in points: hundredths of a measure."""

from __future__ import annotations

from collections.abc import Sequence


def points(difference: float, digits: int = 1) -> str:
    """Return a difference with its sign.

    Examples:
        >>> points(0.0123), points(-0.02)
        ('+1.2', '-2.0')
    """
    return f"{100 * difference:+.{digits}f}"


def interval(ci95: Sequence[float] | None) -> str:
    """Return a 95 % interval, such as ``-0.4 to +2.6``; a dash where there is none."""
    return f"{points(ci95[0])} to {points(ci95[1])}" if ci95 else "–"


def with_interval(difference: float, ci95: Sequence[float] | None) -> str:
    """Return a difference with its 95 % interval, such as ``+1.1 (-0.4 to +2.6)``."""
    return f"{points(difference)} ({interval(ci95)})"


def evidence(ci95: Sequence[float] | None, p: float) -> str:
    """Return interval, where there is one, and p for a sentence."""
    return f"95 % interval {interval(ci95)}, p = {p:.2g}" if ci95 else f"p = {p:.2g}"
