"""Dense and lexical scores together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedtune.types import Matrix

WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Weights of the dense side that are tried on dev."""

DEFAULT_WEIGHT = 0.7
"""The weight of the dense side where none was chosen on dev: people's queries rarely need more weight on their words."""

RRF_K = 60
_TINY = 1e-6


def z_scores(scores: Matrix) -> Matrix:
    """Standardise each query's scores over all passages, ``(n_queries, n_passages)``; constant rows become 0."""
    mean = scores.mean(axis=1, keepdims=True)
    spread = scores.std(axis=1, keepdims=True)
    # Rounding gives a constant row a tiny spread; dividing by it would make scores out of nothing.
    constant = spread <= _TINY * np.maximum(1, np.abs(mean))
    result: Matrix = np.where(constant, 0, (scores - mean) / np.where(constant, 1, spread)).astype(np.float32)
    return result


def z_score_sum(dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
    """Return ``weight · z(dense) + (1 − weight) · z(lexical)``; 0.5 ranks like the plain sum."""
    fused: Matrix = weight * z_scores(dense) + (1 - weight) * z_scores(lexical)
    return fused


def reciprocal_rank(dense: Matrix, lexical: Matrix) -> Matrix:
    """Fuse by reciprocal rank with k = 60 (Cormack, Clarke and Büttcher 2009); it has no weight to choose.

    Passages that share no term with the query have no lexical rank and get nothing from that side; those whose dense score
    is -inf, because they were not found, get nothing from the other.
    """
    by_meaning = np.where(dense > -np.inf, 1 / (RRF_K + _ranks(dense)), 0)
    by_words = np.where(lexical > 0, 1 / (RRF_K + _ranks(lexical)), 0)
    return (by_meaning + by_words).astype(np.float32)


def _ranks(scores: Matrix) -> NDArray[np.int64]:
    """Return ranks from 1 by falling score."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return ranks
