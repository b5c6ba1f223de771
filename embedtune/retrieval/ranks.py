"""The rank of the best relevant passage, in a row of scores or in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def best_ranks(scores: NDArray[np.floating[Any]], relevant: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return ``best_rank`` of each row, ``(n_queries,)``."""
    ranks = [best_rank(row, columns) for row, columns in zip(scores, relevant, strict=True)]
    return np.array(ranks, dtype=np.int64)


def best_rank(
    scores: NDArray[np.floating[Any]], relevant: Sequence[int], *, tie_break: Sequence[str] | None = None
) -> int:
    """Return the rank, from 1, of the best relevant column of ``(n_passages,)``, higher is better; at least one is relevant.

    With names to ``tie_break``, equal scores are ordered by falling name, as trec_eval orders them. Without, columns with the
    same score as the relevant one do not push it down.
    """
    best = scores[list(relevant)].max()
    rank = 1 + int(np.count_nonzero(scores > best))
    if tie_break is not None:
        tied = np.flatnonzero(scores == best).tolist()
        first = max(tie_break[column] for column in relevant if scores[column] == best)
        rank += sum(tie_break[column] > first for column in tied)
    return rank


def first_relevant(grades: Mapping[str, int], scores: Mapping[str, float]) -> int | None:
    """Return the rank, from 1, of the best relevant unit (grade above 0) of a query in a run; None where the run has none.

    Ties are broken as trec_eval does, so that the rank is that of the run file.
    """
    names = list(scores)
    relevant = [column for column, name in enumerate(names) if grades.get(name, 0) > 0]
    return best_rank(np.array(list(scores.values())), relevant, tie_break=names) if relevant else None
