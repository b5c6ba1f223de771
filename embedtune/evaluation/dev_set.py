"""Dev retrieval: the small search by which training chooses; test queries have no part in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedtune.ranking import best_ranks

Vectors = NDArray[np.float32]
Report = Callable[[int], None]


class TextEncoder(Protocol):
    """Anything that encodes queries and passages to unit vectors ``(n, dim)``."""

    def encode_queries(self, texts: Sequence[str], report: Report | None = None) -> Vectors:
        """Encode queries."""
        ...

    def encode_documents(self, texts: Sequence[str], report: Report | None = None) -> Vectors:
        """Encode passages."""
        ...


class DevSet:
    """Dev queries against a sample of the corpus that holds all their answers.

    Attributes:
        texts: The windows that are searched.
        n_encoded: Texts that one call of ``reciprocal_ranks`` encodes.
    """

    def __init__(
        self,
        queries: Sequence[str],
        relevant: Sequence[Sequence[int]],
        windows: Sequence[Sequence[str]],
        *,
        max_windows: int,
        seed: int,
    ) -> None:
        """Sample the corpus.

        Args:
            queries: Texts of the dev queries.
            relevant: Indices of the relevant passages of each.
            windows: The windows of each passage.
            max_windows: Passages are added at random until there are this many windows; answers are always in.
            seed: Of the sample.
        """
        self._queries = list(queries)
        chosen = _sample(relevant, windows, max_windows, seed)
        position = {passage: number for number, passage in enumerate(chosen)}
        self._relevant = [[position[passage] for passage in passages] for passages in relevant]
        self.texts = [text for passage in chosen for text in windows[passage]]
        self._starts = np.cumsum([0, *(len(windows[passage]) for passage in chosen[:-1])])
        self.n_encoded = len(self.texts) + len(self._queries)

    def reciprocal_ranks(self, encoder: TextEncoder, report: Report | None = None) -> NDArray[np.float64]:
        """Return 1 / rank of the best relevant passage for each query, ``(n_queries,)``."""
        vectors = encoder.encode_documents(self.texts, report)
        queries = encoder.encode_queries(self._queries, report)
        scores = np.maximum.reduceat(queries @ vectors.T, self._starts, axis=1)
        return 1.0 / best_ranks(scores, self._relevant)


def _sample(
    relevant: Sequence[Sequence[int]], windows: Sequence[Sequence[str]], max_windows: int, seed: int
) -> list[int]:
    chosen = {passage for passages in relevant for passage in passages}
    n_windows = sum(len(windows[passage]) for passage in chosen)
    others = [passage for passage in range(len(windows)) if passage not in chosen]
    random.Random(seed).shuffle(others)  # noqa: S311 (reproducible on purpose)
    for passage in others:
        if n_windows + len(windows[passage]) > max_windows:
            break
        chosen.add(passage)
        n_windows += len(windows[passage])
    return sorted(chosen)
