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
    ranks = [best_rank(row, columns) for row, columns in zip(scores, relevant, strict=True)]
    return np.array(ranks, dtype=np.int64)


def best_rank(scores: NDArray[np.float32], relevant: Sequence[int]) -> int:
    """Return what ``best_ranks`` returns for a single row, ``(n_passages,)``."""
    return int(np.count_nonzero(scores > scores[list(relevant)].max())) + 1
