"""Which 95 % interval of a mean difference holds the truth 95 % of the time: few documents, uneven, most queries unchanged.

    python -m benchmarks.intervals [--batches 40]

The table is written to benchmarks/intervals.md and .json; docs/verdict.md quotes it.

The model. A query changes with a probability, and for the better with another; both vary by document (beta distributed,
correlation 0.2 within a document). A change is of one hit, or of the reciprocal rank between two places in the first ten or
none. Documents have a geometric number of queries, 5 on average and at most 30, or one each. Each batch draws the sizes of
its documents and 100 sets of differences.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from benchmarks.tables import header, parser, row, write_table
from embedtune.evaluation.resampling import Clustered, bootstrap_interval, standard_errors

Floats = NDArray[np.float64]

SETS = 100
N_RESAMPLES = 1000
CORRELATION = 0.2
ROUNDING = 1e-12
PLACES = np.append(1 / np.arange(1, 11), 0.0)


class Shape(NamedTuple):
    """What changes: hits or reciprocal ranks, how often, and how often for the better."""

    name: str
    hits: bool
    changed: float
    better: float


SHAPES = (
    Shape("reciprocal ranks, 40 % change", False, 0.4, 0.6),
    Shape("reciprocal ranks, 15 % change", False, 0.15, 0.7),
    Shape("hits, 10 % change", True, 0.1, 0.7),
    Shape("hits, 5 % change", True, 0.05, 0.6),
)
DOCUMENTS = ((20, 5), (30, 5), (40, 5), (100, 5), (300, 5), (30, 1), (100, 1), (300, 1))
"""Number of documents, queries a document on average."""


def draw(shape: Shape, n_documents: int, mean_size: int, generator: np.random.Generator) -> Clustered:
    """Draw ``SETS`` sets of differences over the same documents."""
    sizes = np.minimum(generator.geometric(1 / mean_size, n_documents), 30)
    number = np.repeat(np.arange(n_documents), sizes)
    changed, better = (_vary(rate, n_documents, generator)[:, number] for rate in (shape.changed, shape.better))
    size = np.ones(changed.shape) if shape.hits else _steps(changed.shape, generator)
    sign = np.where(generator.random(changed.shape) < better, 1.0, -1.0)
    differences = (generator.random(changed.shape) < changed) * sign * size
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return Clustered(np.add.reduceat(differences, starts, axis=1), sizes.astype(np.float64))


def truth(shape: Shape) -> float:
    """Return the mean difference of the model."""
    size = 1.0 if shape.hits else float(np.mean([PLACES[i] - PLACES[i + 1 :].mean() for i in range(10)]))
    return shape.changed * (2 * shape.better - 1) * size


def _vary(rate: float, n_documents: int, generator: np.random.Generator) -> Floats:
    weight = 1 / CORRELATION - 1
    return generator.beta(rate * weight, (1 - rate) * weight, (SETS, n_documents))


def _steps(shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    upper = generator.integers(0, 10, shape)
    steps: Floats = PLACES[upper] - PLACES[generator.integers(upper + 1, 11)]
    return steps


def other_intervals(data: Clustered, generator: np.random.Generator) -> dict[str, tuple[Floats, Floats]]:
    """Return the ends of the intervals that were not taken."""
    n = len(data.sizes)
    mean, error = data.means, standard_errors(data)
    counts = generator.multinomial(n, np.full(n, 1 / n), N_RESAMPLES).astype(np.float64)
    totals = counts @ data.sizes
    means = counts @ data.sums.T / totals[:, None]
    squares = counts @ (data.sums**2).T - 2 * means * (counts @ (data.sums * data.sizes).T)
    squares += means**2 * (counts @ data.sizes**2)[:, None]
    errors = np.sqrt(np.maximum(squares, 0) * n / (n - 1)) / totals[:, None]
    ratio = np.divide(means - mean, errors, out=np.zeros_like(means), where=errors > 1e-9)
    low, high = np.quantile(ratio, [0.025, 0.975], axis=0)
    width = student.ppf(0.975, n - 1) * error
    ends = np.quantile(means, [0.025, 0.975], axis=0)
    return {
        "percentile": (ends[0], ends[1]),
        "BCa": _bca(data, means),
        "studentised, two tails": (mean - high * error, mean - low * error),
        "Student, by document": (mean - width, mean + width),
    }


def _bca(data: Clustered, means: Floats) -> tuple[Floats, Floats]:
    """Efron 1987: bias from the share of resamples below the mean, acceleration from the jackknife."""
    below = (means < data.means - ROUNDING).mean(axis=0) + 0.5 * (np.abs(means - data.means) < ROUNDING).mean(axis=0)
    bias = norm.ppf(np.clip(below, 0.001, 0.999))
    left_out = (data.sums.sum(axis=1)[:, None] - data.sums) / (data.n_queries - data.sizes)
    pull = left_out.mean(axis=1)[:, None] - left_out
    scale = 6 * (pull**2).sum(axis=1) ** 1.5
    acceleration = np.divide((pull**3).sum(axis=1), scale, out=np.zeros_like(scale), where=scale > 0)
    ends = []
    for z in norm.ppf([0.025, 0.975]):
        levels = norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        ends.append(np.array([np.quantile(column, level) for column, level in zip(means.T, levels, strict=True)]))
    return ends[0], ends[1]


def simulate(shape: Shape, n_documents: int, mean_size: int, batches: int) -> dict[str, Any]:
    """Repeat one cell over several batches of documents."""
    generator = np.random.default_rng([n_documents, mean_size, SHAPES.index(shape)])
    covered: dict[str, list[float]] = {}
    changed = []
    for batch in range(batches):
        data = draw(shape, n_documents, mean_size, generator)
        ours = bootstrap_interval(data, n_resamples=N_RESAMPLES, seed=batch)
        ends = other_intervals(data, generator) | {"ours": (ours[:, 0], ours[:, 1])}
        for name, (low, high) in ends.items():
            holds = (low <= truth(shape) + ROUNDING) & (high >= truth(shape) - ROUNDING)
            covered.setdefault(name, []).append(float(holds.mean()))
        changed.append(float((data.sums != 0).sum(axis=1).mean()))
    return {
        "shape": shape.name,
        "documents": n_documents,
        "queries_per_document": mean_size,
        "changed_documents": round(float(np.mean(changed)), 1),
        "coverage": {name: round(float(np.mean(values)), 4) for name, values in covered.items()},
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--batches", type=int, default=40)
    batches: int = options.parse_args().batches
    started = time.time()
    cells = [simulate(shape, *documents, batches) for documents in DOCUMENTS for shape in SHAPES]
    result = {
        "repetitions": batches * SETS,
        "n_resamples": N_RESAMPLES,
        "seconds": round(time.time() - started),
        "cells": cells,
    }
    print(write_table("intervals", result, _table(result)))


def _table(result: dict[str, Any]) -> list[str]:
    names = list(result["cells"][0]["coverage"])
    lines = header("differences", "documents", "of them changed", *names)
    for cell in result["cells"]:
        size = "one query each" if cell["queries_per_document"] == 1 else "uneven"
        coverage = [f"{100 * cell['coverage'][name]:.1f} %" for name in names]
        lines.append(row(cell["shape"], f"{cell['documents']}, {size}", f"{cell['changed_documents']:.1f}", *coverage))
    note = f"{result['repetitions']} repetitions a row, {result['n_resamples']} resamples each, seeds fixed"
    return [*lines, "", f"{note}; {result['seconds']} s."]


if __name__ == "__main__":
    main()
