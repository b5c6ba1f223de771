"""Drawings as numbers: the templates turn them into SVG that takes its colours from the page, light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from embedtune.systems import System

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LOG_TICKS = (1, 2, 5, 10, 20, 50, 100)


class Scale(NamedTuple):
    """A line that starts with the lowest value; ``step`` is between the values that are written, None lets ``ticks`` choose."""

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
    step = _step(low, high)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end, step=step)


def ticks(scale: Scale) -> list[Tick]:
    """Return round values on a scale, about four of them."""
    if scale.logarithmic:
        chosen = [float(value) for value in _LOG_TICKS if scale.low <= value <= scale.high]
        return [Tick(scale.at(value), f"{value:g}") for value in chosen]
    step = scale.step or _step(scale.low, scale.high)
    power = math.floor(math.log10(step) + 1e-9)
    digits = max(0, -power) + (round(step / 10.0**power, 3) == 2.5)
    first, last = math.ceil(scale.low / step - 1e-6), math.floor(scale.high / step + 1e-6)
    return [Tick(scale.at(n * step), f"{n * step + 0.0:.{digits}f}".replace("-", "−")) for n in range(first, last + 1)]


def _step(low: float, high: float) -> float:
    """Return the smallest round number of which four or fewer reach from low to high."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9))


WIDTH, HEIGHT = 440, 250
"""Of every chart, in units of its view box; it is drawn as wide as its column."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 430, 10, 208
WHISKER_WIDTH = 150
_MARGIN = 6
_MOST_DOTS = 12  # a line of more points shows none of them
_MOST_PLACES = 6  # of so few different x each is written
_OTHERS = (5, 6, 7)

Points = Sequence[tuple[float, float]]


class Line(NamedTuple):
    """A line of a chart; ``dots`` are its points, where there are few enough to be marked."""

    name: str
    colour: int
    path: str
    dots: list[tuple[float, float]]


class Chart(NamedTuple):
    """A chart with two axes; ``level`` is where a level to compare with is drawn, and its name."""

    title: str
    x_label: str
    y_label: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    level: tuple[float, str] | None = None


class Whisker(NamedTuple):
    """A value with its interval, if it has one, and where nothing changes: positions between 0 and ``WHISKER_WIDTH``."""

    low: float | None
    mid: float
    high: float | None
    zero: float | None


def colour_of(system: str, number: int = 0) -> int:
    """Return the number of a system's colour; systems that are no one's own share some by their place."""
    own = System.parse(system).colour
    return _OTHERS[number % len(_OTHERS)] if own is None else own


def line_chart(
    series: Mapping[str, Points],
    *,
    title: str,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
    level: tuple[str, float] | None = None,
    colours: Mapping[str, int] | None = None,
) -> Chart:
    """Draw lines (name → points by rising x, at least one in all) over a common x, which is above 0 where logarithmic.

    A level line has a name and a height; a line without one of the ``colours`` gets its own as a system.
    """
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points] + ([level[1]] if level else [])
    x = Scale(min(xs), max(*xs, min(xs) + 1e-9), _LEFT, _RIGHT, logarithmic)
    y = around(ys, start=_BOTTOM, end=_TOP, least=0.01)
    lines = []
    for number, (name, points) in enumerate(series.items()):
        places = [(x.at(a), y.at(b)) for a, b in points]
        path = "M" + "L".join(f"{a:g} {b:g}" for a, b in places)
        colour = (colours or {}).get(name, colour_of(name, number))
        lines.append(Line(name, colour, path, places if len(places) <= _MOST_DOTS else []))
    ruled = (y.at(level[1]), level[0]) if level else None
    known = sorted(set(xs))
    x_ticks = [Tick(x.at(value), f"{value:g}") for value in known] if len(known) <= _MOST_PLACES else ticks(x)
    return Chart(title, x_label, y_label, x_ticks, ticks(y), lines, ruled)


class Histogram(NamedTuple):
    """How often each range of scores occurs, for the right passage and the best wrong one: outlines, as SVG paths."""

    title: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    right: str
    wrong: str


def histogram(
    edges: Sequence[float], right: Sequence[int], wrong: Sequence[int], *, most: int, title: str
) -> Histogram:
    """Draw how many right and best wrong passages score in each range; ``most`` is the highest count to be compared with."""
    x = Scale(edges[0], edges[-1], _LEFT, _RIGHT)
    y = around([0, max(1, most)], start=_BOTTOM, end=_TOP)
    whole = [Tick(at, f"{float(label):g}") for at, label in ticks(y) if float(label).is_integer()]  # no half queries
    outlines = [_outline(edges, counts, x, y) for counts in (right, wrong)]
    return Histogram(title, ticks(x), whole, *outlines)


def _outline(edges: Sequence[float], counts: Sequence[int], x: Scale, y: Scale) -> str:
    corners = [f"M{x.at(edges[0]):g} {y.at(0):g}"]
    for number, count in enumerate(counts):
        corners.append(f"L{x.at(edges[number]):g} {y.at(count):g}L{x.at(edges[number + 1]):g} {y.at(count):g}")
    return "".join([*corners, f"L{x.at(edges[-1]):g} {y.at(0):g}Z"])


def whiskers(
    rows: Sequence[tuple[tuple[float, float] | None, float]], *, factor: float = 1.0, zero: bool
) -> tuple[list[Whisker], tuple[str, str]]:
    """Draw intervals, if there are some, and values, times a factor, on one scale; return the labels of its ends too."""
    values = [tuple(factor * value for value in (*(ends or ()), mid)) for ends, mid in rows]
    known = [value for row in values for value in row] + ([0.0] if zero else [])
    scale = around(known, start=_MARGIN, end=WHISKER_WIDTH - _MARGIN, least=0.001)
    drawn = []
    for *ends, mid in values:
        low, high = map(scale.at, ends) if ends else (None, None)
        drawn.append(Whisker(low, scale.at(mid), high, scale.at(0.0) if zero else None))
    start, end = (f"{round(end, 6):g}".replace("-", "−") for end in (scale.low, scale.high))
    return drawn, (start, end)
