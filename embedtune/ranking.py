"""Where the right passage stands in a list of scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def best_ranks(scores: NDArray[np.float32], relevant: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the rank from 1 of the best relevant column in each row, ``(n_queries,)``.

    Columns with the same score as the relevant one do not push it down.

    Args:
        scores: ``(n_queries, n_passages)``, higher is better.
        relevant: Relevant columns of each row, at least one.
    """
    best = np.array([row[list(columns)].max() for row, columns in zip(scores, relevant, strict=True)])
    ranks: NDArray[np.int64] = (scores > best[:, None]).sum(axis=1) + 1
    return ranks
