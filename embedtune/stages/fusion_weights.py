"""The weight of a model against BM25, chosen on dev by one rule for base and tuned alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedtune.evaluation.dev_set import DevSet
from embedtune.evaluation.gate import choose_weight
from embedtune.ranking import best_ranks
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.encoder import Vectors
from embedtune.retrieval.fusion import WEIGHTS, z_score_sum


def choose_fusion_weight(dev: DevSet, dense: Vectors) -> float:
    """Return the weight of the dense side, chosen on queries whose answers do not hold the words they were drawn from.

    Args:
        dev: The dev set.
        dense: Scores of a model, ``(n_queries, n_passages)``.
    """
    rows = dev.unfamiliar
    lexical = dev.lexical_scores(lambda passages, queries: BM25(passages).scores(queries))[rows]
    relevant = [dev.relevant[row] for row in rows]

    def quality(weight: float) -> NDArray[np.float64]:
        ranks: NDArray[np.float64] = 1.0 / best_ranks(z_score_sum(dense[rows], lexical, weight), relevant)
        return ranks

    return choose_weight({weight: quality(weight) for weight in WEIGHTS}, dev.clusters[rows])
