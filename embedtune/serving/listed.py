"""Fusion where each side is a list of its best passages and not a score for every passage.

``eval`` standardises over the whole corpus. A store returns the head of it, and the mean and spread of a head are not those of
the whole. So both sides are cut to lists of one length, each is standardised over its own list, and a passage that a list does
not have counts as the last one that it has. Lists as long as the corpus give what ``eval`` computes; shorter ones nearly so.
"""

from __future__ import annotations

import numpy as np

from embedtune.retrieval.fusion import Matrix, z_scores


def cut_to(scores: Matrix, depth: int) -> Matrix:
    """Return scores with -inf for all but the best ``depth`` of each row; of equal ones the first stay."""
    if depth >= scores.shape[1]:
        return scores
    cut = np.full_like(scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    np.put_along_axis(cut, best, np.take_along_axis(scores, best, axis=1), axis=1)
    return cut


def listed_sum(dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
    """Return ``weight · z(dense) + (1 − weight) · z(lexical)``, ``(n_queries, n_passages)``, -inf where neither list has it."""
    fused = weight * _standardised(dense) + (1 - weight) * _standardised(lexical)
    nowhere = np.isneginf(dense) & np.isneginf(lexical)
    result: Matrix = np.where(nowhere, -np.inf, fused).astype(np.float32)
    return result


def _standardised(scores: Matrix) -> Matrix:
    """Return z-scores over what is listed in each row; the lowest of them for the rest."""
    rows = np.zeros_like(scores)
    for row, given in zip(rows, scores, strict=True):
        listed = given > -np.inf
        if listed.any():
            found = z_scores(given[None, listed])[0]
            row[:] = found.min()
            row[listed] = found
    return rows
