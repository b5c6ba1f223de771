"""How far tuning moved the model: its vectors, and its top ten, whether that helped or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedtune.formats.run_files import ranked
from embedtune.types import Run

DEPTH = 10
PERSISTENCE = 0.9
"""Webber's p: a reader goes on to the next rank with this probability, so the first ten carry 86 % of the weight."""


def mean_cosine(base: NDArray[np.float32], tuned: NDArray[np.float32]) -> float:
    """Return the mean cosine between unit vectors ``(n_texts, dim)`` of the same texts, in [-1, 1]; 1: nothing moved.

    The tuned vectors may have more dimensions, in which the base has zeros.
    """
    return float(np.einsum("td,td->t", base, tuned[:, : base.shape[1]], dtype=np.float64).mean())


def mean_overlap(base: Run, tuned: Run, depth: int = DEPTH) -> float:
    """Return the mean share of the first ``depth`` that two runs have in common, in [0, 1].

    Averaged over the queries of ``base``, at least one. Where lists are shorter, the share is of the longer of the two; two
    empty lists agree.
    """
    lists = _top_lists(base, tuned, depth)
    return float(np.mean([len({*a} & {*b}) / max(len(a), len(b)) if a or b else 1.0 for a, b in lists]))


def mean_rank_biased_overlap(base: Run, tuned: Run) -> float:
    """Return the mean rank-biased overlap of the first ten of two runs, in [0, 1], over the queries of ``base``."""
    return float(np.mean([rank_biased_overlap(*lists) for lists in _top_lists(base, tuned, DEPTH)]))


def n_identical(base: Run, tuned: Run, depth: int = DEPTH) -> int:
    """Count the queries of ``base`` of which two runs have the same first ``depth`` in the same order."""
    return sum(first == second for first, second in _top_lists(base, tuned, depth))


def rank_biased_overlap(first: Sequence[str], second: Sequence[str], persistence: float = PERSISTENCE) -> float:
    """Return the extrapolated rank-biased overlap of two rankings, in [0, 1].

    RBO_EXT of Webber, Moffat & Zobel 2010, equation 32, which allows lists of different lengths: agreement at each depth, with
    weights that fall geometrically, and carried on beyond the end of the lists. Ids come best first, none twice; the larger
    ``persistence`` in (0, 1), the deeper the comparison looks.
    """
    short, long = sorted((first, second), key=len)
    if not short:
        return 1.0 if not long else 0.0
    common = [len(set(short[:depth]) & set(long[:depth])) for depth in range(1, len(long) + 1)]
    at_short, n_short = common[len(short) - 1], len(short)
    total = sum(shared / depth * persistence**depth for depth, shared in enumerate(common, start=1))
    total += sum(
        at_short * (depth - n_short) / (n_short * depth) * persistence**depth
        for depth in range(n_short + 1, len(long) + 1)
    )
    beyond = (common[-1] - at_short) / len(long) + at_short / n_short
    return (1 - persistence) / persistence * total + beyond * persistence ** len(long)


def _top_lists(base: Run, tuned: Run, depth: int) -> list[tuple[list[str], list[str]]]:
    """Return the best ids of each query by both runs."""
    runs = [[[name for name, _ in ranked(run.get(query, {}))[:depth]] for query in base] for run in (base, tuned)]
    return list(zip(*runs, strict=True))
