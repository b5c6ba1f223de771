"""Exact dense retrieval with FAISS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class DenseIndex:
    """Inner-product search over window vectors; a unit (passage or document) scores as its best window.

    Exact (``IndexFlatIP``), so that no difference between two models can come from an approximate index.
    """

    def __init__(self, vectors: NDArray[np.float32], starts: NDArray[np.int64]) -> None:
        """Index vectors ``(n_windows, dim)``; ``starts`` holds each unit's first window and rises from 0."""
        import faiss

        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors))
        sizes = np.diff(np.append(starts, len(vectors)))
        self._unit = np.repeat(np.arange(len(starts)), sizes)
        self._most_windows = int(sizes.max())

    def search(self, queries: NDArray[np.float32], k: int) -> list[list[tuple[int, float]]]:
        """Return for each query ``(n_queries, dim)`` its best k units as (unit, score), best first."""
        # The best k units are all among the best k × (windows of the longest unit) windows.
        depth = min(k * self._most_windows, len(self._unit))
        scores, windows = self._index.search(np.ascontiguousarray(queries), depth)
        return [self._collapse(*row, k) for row in zip(windows, scores, strict=True)]

    def _collapse(self, windows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        best: dict[int, float] = {}
        for unit, score in zip(self._unit[windows].tolist(), scores.tolist(), strict=True):
            if unit not in best:
                if len(best) == k:
                    break
                best[unit] = score
        return list(best.items())
