"""Your own vector store as the dense side of a retriever.

Fusion where each side is a list of its best passages and not a score for every passage.

``eval`` standardises over the whole corpus. A store returns the head of it, and the mean and spread of a head are not those of
the whole. So both sides are cut to lists of one length, each is standardised over its own list, and a passage that a list does
not have counts as the last one that it has. Lists as long as the corpus give what ``eval`` computes; shorter ones nearly so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import DataError
from embedtune.retrieval.fusion import z_scores
from embedtune.types import Matrix
from embedtune.types import Vectors as Vector


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


class VectorStore(Protocol):
    """What a retriever asks of a store; FAISS, Chroma, Qdrant and LanceDB take five lines each (``docs/examples``)."""

    def search(self, vector: Vector, k: int) -> Sequence[tuple[str, float]]:
        """Return the k windows nearest to a query vector ``(dim,)``, best first, as passage id and cosine.

        A passage may come more than once, by several windows. Fewer than k mean that there are no more. A store that gives
        distances gives ``1 - distance`` here.
        """
        ...


class StoredVectors:
    """The passages of a run in a store; the score of what it does not return is -inf."""

    def __init__(self, store: VectorStore, passage_ids: Sequence[str]) -> None:
        """Use a store that holds windows of these passages; ids in corpus order."""
        self._store = store
        self._number = {passage_id: number for number, passage_id in enumerate(passage_ids)}

    def nearest(self, queries: Matrix, k: int) -> Matrix:
        """Return the cosines of passages, ``(n_queries, n_passages)``; k or more of each row, if there are as many."""
        return np.stack([self._row(query, k) for query in queries])

    def _row(self, query: Vector, k: int) -> NDArray[np.float32]:
        """Ask deeper until there are enough passages, since several windows can be one passage's."""
        depth = k
        while True:
            found = self._store.search(query, depth)
            row = np.full(len(self._number), -np.inf, dtype=np.float32)
            for passage_id, score in found:
                number = self._find(passage_id)
                row[number] = max(row[number], score)
            if len(found) < depth or np.count_nonzero(row > -np.inf) >= min(k, len(row)):
                return row
            depth *= 2

    def _find(self, passage_id: str) -> int:
        try:
            return self._number[passage_id]
        except KeyError:
            raise DataError(
                f"vector store: expected passages of this run, found {passage_id!r}",
                hint="index the rows of embedtune.serving.windows.load_rows, and return their passage_id",
            ) from None
