"""How often each verdict is given when the truth is known: simulated queries, gains of 0 to 5 points of nDCG@10.

    python -m benchmarks.power [--repetitions 2000]

The table is written to benchmarks/power.md and .json; docs/verdict.md quotes it.

The model. One relevant passage a query, five queries a document. The logarithm of its rank is normal:

    x = START + document + query + system - shift,   rank = 1 + floor(exp(x))

with a part that all systems share (document, query), one of each system's own, and for a tuned model one by document,
which makes it help some documents and hurt others. nDCG@10 = 1 / log2(1 + rank) down to rank 10, below it 0; hit rate@5 is
the secondary measure. The shift that gives a wanted mean gain is found by bisection on a sample of two million queries.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables import header, parser, row, write_table
from embedtune.evaluation.resampling import standard_errors, sum_by_cluster
from embedtune.evaluation.significance import compare
from embedtune.evaluation.verdict import PAIRS, PRIMARY, judge

Floats = NDArray[np.float64]

START, DOCUMENT, QUERY, SYSTEM, UNEVEN = 0.6, 0.7, 1.6, 0.4, 0.3
"""Mean log rank, and standard deviations: of documents, queries, a system's own noise, and a tuned model's by document."""
PER_DOCUMENT = 5
GAINS = (0.0, 0.01, 0.02, 0.05)
SIZES = (100, 300, 1000)
FUSED = ((0.0, 0.0), (0.05, 0.0), (0.05, 0.05))
"""Gains of tuned over base, and of the tuned fusion over the untuned one, where that is 5 points above the base."""
DECISIONS = ("ship", "use_fusion", "do_not_ship", "inconclusive")
N_RESAMPLES = 2000


class Sample:
    """Queries and what all systems share of them."""

    def __init__(self, n_queries: int, generator: np.random.Generator) -> None:
        n_documents = n_queries // PER_DOCUMENT
        self.documents = np.repeat(np.arange(n_documents), PER_DOCUMENT)
        self._generator = generator
        by_document = DOCUMENT * generator.standard_normal(n_documents)[self.documents]
        self._shared = START + by_document + QUERY * generator.standard_normal(n_queries)

    def ranks(self, *, uneven: float = 0.0) -> Floats:
        """Draw a system: its log rank for each query, before any shift."""
        own = SYSTEM * self._generator.standard_normal(len(self.documents))
        tuned: Floats = uneven * self._generator.standard_normal(self.documents[-1] + 1)[self.documents]
        return self._shared + own + tuned


def measures(log_ranks: Floats) -> dict[str, Floats]:
    ranks = 1 + np.floor(np.exp(log_ranks))
    return {PRIMARY: np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0.0), "hit_rate@5": (ranks <= 5).astype(float)}


@cache
def find_shift(gain: float, uneven: float) -> float:
    """Return the shift that raises the mean of the primary measure by ``gain`` over a system without one."""
    sample = Sample(2_000_000, np.random.default_rng(2024))
    base, tuned = sample.ranks(), sample.ranks(uneven=uneven)
    wanted = measures(base)[PRIMARY].mean() + gain
    low, high = -1.0, 2.0
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if measures(tuned - middle)[PRIMARY].mean() < wanted else (low, middle)
    return low


def draw(n_queries: int, gain: float, fused: float | None, generator: np.random.Generator) -> tuple[Any, Any]:
    """Draw base and tuned, with ``fused`` both fusions too; return their scores and the queries' documents."""
    sample = Sample(n_queries, generator)
    ranks = {"base": sample.ranks(), "tuned": sample.ranks(uneven=UNEVEN) - find_shift(gain, UNEVEN)}
    if fused is not None:
        ranks["hybrid_base"] = sample.ranks() - find_shift(0.05, 0.0)
        ranks["hybrid_tuned"] = sample.ranks(uneven=UNEVEN) - find_shift(0.05 + fused, UNEVEN)
    return {system: measures(values) for system, values in ranks.items()}, sample.documents


def simulate(
    n_queries: int, gain: float, fused: float | None, repetitions: int, by_document: bool = True
) -> dict[str, Any]:
    """Repeat one cell; ``by_document`` False is the mistake of taking queries for independent."""
    seed = [n_queries, round(1000 * gain), 0 if fused is None else 1 + round(1000 * fused)]
    generator = np.random.default_rng(seed)
    decisions: Counter[str] = Counter()
    covered, detectable = 0, []
    for repetition in range(repetitions):
        scores, documents = draw(n_queries, gain, fused, generator)
        pairs = [pair for pair in PAIRS if set(pair) <= scores.keys()]
        clusters = documents if by_document else None
        comparisons = compare(scores, pairs, clusters, n_resamples=N_RESAMPLES, seed=repetition)
        decisions[judge(comparisons).decision] += 1
        main = comparisons["tuned", "base"][PRIMARY]
        covered += main.low <= gain <= main.high
        detectable.append(main.detectable)
    return {
        "queries": n_queries,
        "gain": gain,
        "fused_gain": fused,
        "by_document": by_document,
        "verdicts": {name: round(decisions[name] / repetitions, 4) for name in DECISIONS},
        "coverage": round(covered / repetitions, 4),
        "detectable": round(float(np.mean(detectable)), 4),
    }


def describe() -> dict[str, float]:
    """Say what the model's queries are like."""
    sample = Sample(1_000_000, np.random.default_rng(7))
    base = measures(sample.ranks())
    tuned = measures(sample.ranks(uneven=UNEVEN) - find_shift(0.02, UNEVEN))
    difference = tuned[PRIMARY] - base[PRIMARY]
    pair = difference.reshape(-1, PER_DOCUMENT)
    design = standard_errors(sum_by_cluster(difference, sample.documents)) / standard_errors(sum_by_cluster(difference))
    return {
        "base": round(float(base[PRIMARY].mean()), 3),
        "base_hit_rate@5": round(float(base["hit_rate@5"].mean()), 3),
        "changed": round(float((difference != 0).mean()), 3),
        "deviation": round(float(difference.std()), 3),
        "correlation_within_document": round(float(np.corrcoef(pair[:, 0], pair[:, 1])[0, 1]), 3),
        "error_by_document_over_by_query": round(float(design[0]), 3),
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--repetitions", type=int, default=2000)
    repetitions: int = options.parse_args().repetitions
    started = time.time()
    cells = [simulate(size, gain, None, repetitions) for gain in GAINS for size in SIZES]
    naive = [simulate(size, 0.0, None, repetitions, by_document=False) for size in SIZES]
    fused = [simulate(300, gain, more, repetitions) for gain, more in FUSED]
    result = {
        "measure": PRIMARY,
        "repetitions": repetitions,
        "n_resamples": N_RESAMPLES,
        "queries_per_document": PER_DOCUMENT,
        "model": describe(),
        "seconds": round(time.time() - started),
        "cells": cells,
        "independent_queries": naive,
        "with_fusion": fused,
    }
    print(write_table("power", result, _table(result)))


def _table(result: dict[str, Any]) -> list[str]:
    head = ("ship", "use fusion", "do not ship", "inconclusive", "interval holds the truth")
    lines = header("true gain, points", "queries", *head, "smallest gain shown, points")
    for cell in result["cells"]:
        lines.append(row(f"{100 * cell['gain']:g}", cell["queries"], *_shares(cell), f"{100 * cell['detectable']:.1f}"))
    lines += ["", "The same without a gain, had queries been taken for independent:", ""]
    lines += header("true gain, points", "queries", *head)
    for cell in result["independent_queries"]:
        lines.append(row(f"{100 * cell['gain']:g}", cell["queries"], *_shares(cell)))
    lines += ["", "300 queries, the untuned fusion 5 points above the base:", ""]
    lines += header("gain of tuned", "gain of the tuned fusion over the untuned", *head)
    for cell in result["with_fusion"]:
        lines.append(row(f"{100 * cell['gain']:g}", f"{100 * cell['fused_gain']:g}", *_shares(cell)))
    model = result["model"]
    lines += [
        "",
        f"{result['repetitions']} repetitions a row, {result['n_resamples']} resamples each, seeds fixed; "
        f"{result['queries_per_document']} queries a document. Base nDCG@10 {model['base']:.3f}, hit rate@5 "
        f"{model['base_hit_rate@5']:.3f}; at a gain of 2 points {100 * model['changed']:.0f} % of the queries change, "
        f"standard deviation of a difference {model['deviation']:.3f}, correlation within a document "
        f"{model['correlation_within_document']:.3f}, so that the standard error by document is "
        f"{model['error_by_document_over_by_query']:.2f} times the one by query. {result['seconds']} s.",
    ]
    return lines


def _shares(cell: dict[str, Any]) -> list[str]:
    shares = [cell["verdicts"][name] for name in DECISIONS] + [cell["coverage"]]
    return [f"{100 * share:.1f} %" for share in shares]


if __name__ == "__main__":
    main()
