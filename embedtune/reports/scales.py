"""Axes: where a value stands in a drawing, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LOG_TICKS = (1, 2, 5, 10, 20, 50, 100)


class Scale(NamedTuple):
    """A line from the lowest value to the highest.

    Attributes:
        low: Lowest value.
        high: Highest value, above ``low``.
        start: Where the lowest is drawn.
        end: Where the highest is drawn.
        logarithmic: Whether equal ratios are equal lengths.
        step: Between the values that are written; None lets ``ticks`` choose.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    step: float | None = None

    def at(self, value: float) -> float:
        """Return where a value is drawn, to a tenth; values outside stand at the nearer end."""
        bounded = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(bounded / self.low) / math.log(self.high / self.low)
        else:
            share = (bounded - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


class Tick(NamedTuple):
    """A value on an axis: where, and how it is written."""

    at: float
    label: str


def around(values: Iterable[float], *, start: float, end: float, least: float = 1e-6) -> Scale:
    """Return a scale from a round number below all values to one above; never shorter than ``least``."""
    known = list(values)
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low < least:
        low, high = low - least / 2, high + least / 2
    step = _step(low, high, 4)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end, step=step)


def ticks(scale: Scale, count: int = 4) -> list[Tick]:
    """Return round values on a scale, about ``count`` of them."""
    if scale.logarithmic:
        chosen = [float(value) for value in _LOG_TICKS if scale.low <= value <= scale.high]
        return [Tick(scale.at(value), f"{value:g}") for value in chosen]
    step = scale.step or _step(scale.low, scale.high, count)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if _leading(step) == 2.5 else 0)
    first, last = math.ceil(scale.low / step - 1e-6), math.floor(scale.high / step + 1e-6)
    return [Tick(scale.at(n * step), f"{n * step + 0.0:.{digits}f}".replace("-", "−")) for n in range(first, last + 1)]


def _step(low: float, high: float, count: int) -> float:
    """Return the smallest round number of which ``count`` or fewer reach from low to high."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9))


def _leading(step: float) -> float:
    return round(step / 10.0 ** math.floor(math.log10(step) + 1e-9), 3)
