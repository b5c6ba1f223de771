"""The rank of the best relevant passage, in a row of scores or in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedtune.formats.run_files import ranked
from embedtune.types import Qrels, Run


def best_ranks(scores: NDArray[np.floating[Any]], relevant: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return ``best_rank`` of each row, ``(n_queries,)``."""
    ranks = [best_rank(row, columns) for row, columns in zip(scores, relevant, strict=True)]
    return np.array(ranks, dtype=np.int64)


def best_rank(scores: NDArray[np.floating[Any]], relevant: Sequence[int]) -> int:
    """Return the rank, from 1, of the best relevant column of ``(n_passages,)``, higher is better; at least one is relevant.

    Columns with the same score as the relevant one do not push it down.
    """
    return 1 + int(np.count_nonzero(scores > scores[list(relevant)].max()))


def first_ranks(qrels: Qrels, run: Run) -> list[int | None]:
    """Return ``first_relevant`` of each judged query, in the order of the qrels."""
    return [first_relevant(grades, run.get(query_id, {})) for query_id, grades in qrels.items()]


def first_relevant(grades: Mapping[str, int], scores: Mapping[str, float]) -> int | None:
    """Return the rank, from 1, of the best relevant unit (grade above 0) of a query in a run; None where the run has none.

    Ties are broken as trec_eval does, so that the rank is that of the run file.
    """
    places = enumerate(ranked(dict(scores)), start=1)
    return next((rank for rank, (name, _) in places if grades.get(name, 0) > 0), None)
