"""The dense side of a retriever: vectors in memory, searched exactly as ``eval`` does, or in your vector store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from embedtune.retrieval.dense import DenseIndex
from embedtune.retrieval.fusion import reciprocal_rank, z_score_sum
from embedtune.retrieval.search import Units, index_run, top_run
from embedtune.retrieval.windows import Windows
from embedtune.serving.stores import StoredVectors, cut_to, listed_sum
from embedtune.types import Matrix, Run, Vectors


class DenseSide(Protocol):
    """Finds passages by query vectors, alone or fused with lexical scores."""

    def search(self, ids: Sequence[str], queries: Vectors, k: int) -> Run:
        """Return the best k passages of each query ``(n, dim)``."""
        ...

    def scores(self, queries: Vectors) -> Matrix:
        """Return the cosine of every passage, ``(n_queries, n_passages)``; -inf where it was not found."""
        ...

    def fuse(self, kind: str, dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
        """Fuse the scores of passages with BM25's; ``kind`` is ``hybrid`` or ``rrf``, which has no weight."""
        ...


class InMemory:
    """Exact search in vectors that are held in memory."""

    def __init__(self, vectors: Vectors, windows: Windows, units: Units) -> None:
        """Hold window vectors ``(n_windows, dim)``."""
        self._vectors = vectors
        self._windows = windows
        self._units = units
        self._index = DenseIndex(vectors, windows.starts[units.first_passage])

    def search(self, ids: Sequence[str], queries: Vectors, k: int) -> Run:
        """See ``DenseSide``."""
        return index_run(ids, queries, self._index, self._units, k)

    def scores(self, queries: Vectors) -> Matrix:
        """See ``DenseSide``."""
        return self._windows.best(queries @ self._vectors.T)

    def fuse(self, kind: str, dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
        """See ``DenseSide``."""
        return reciprocal_rank(dense, lexical) if kind == "rrf" else z_score_sum(dense, lexical, weight)


class InStore:
    """Search in a vector store; see ``listed`` for what fusion means there."""

    def __init__(self, stored: StoredVectors, units: Units, depth: int) -> None:
        """Use a store; fusion takes the best ``depth`` of either side."""
        self._stored = stored
        self._units = units
        self._depth = depth

    def search(self, ids: Sequence[str], queries: Vectors, k: int) -> Run:
        """See ``DenseSide``."""
        return top_run(ids, self._stored.nearest(queries, k), self._units, k)

    def scores(self, queries: Vectors) -> Matrix:
        """See ``DenseSide``."""
        return self._stored.nearest(queries, self._depth)

    def fuse(self, kind: str, dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
        """See ``DenseSide``."""
        dense, lexical = cut_to(dense, self._depth), cut_to(lexical, self._depth)
        if kind == "rrf":
            return reciprocal_rank(dense, np.maximum(lexical, 0))
        return listed_sum(dense, lexical, weight)
