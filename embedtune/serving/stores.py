"""Your own vector store as the dense side of a retriever; how it is fused with BM25 tells ``retrieval.fusion``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import DataError
from embedtune.types import Matrix, Vectors


class VectorStore(Protocol):
    """What a retriever asks of a store; FAISS, Chroma, Qdrant and LanceDB take five lines each (``docs/examples``)."""

    def search(self, vector: Vectors, k: int) -> Sequence[tuple[str, float]]:
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

    def scores(self, queries: Vectors, k: int | None) -> Matrix:
        """See ``retrieval.searcher.DenseSource``."""
        return np.stack([self._row(query, k or len(self._number)) for query in queries])

    def _row(self, query: Vectors, k: int) -> NDArray[np.float32]:
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
