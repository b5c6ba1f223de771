"""An encoder that encodes no text twice: the same windows come again in every comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedtune.models.encoder import Encoder
from embedtune.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class CachingEncoder(Encoder):
    """Keeps every vector it makes, and counts what making them took.

    Attributes:
        document_tokens: Tokens of the passages that were encoded, as far as the model sees them.
        document_seconds: What that took.
    """

    def __init__(self, model: SentenceTransformer, *, precision: str) -> None:
        super().__init__(model, precision=precision)
        self._queries: dict[str, Vectors] = {}
        self._documents: dict[str, Vectors] = {}
        self.document_tokens = 0
        self.document_seconds = 0.0

    def encode_queries(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)``; see ``Encoder``."""
        if new := _unknown(texts, self._queries):
            self._queries.update(zip(new, super().encode_queries(new, on_progress), strict=True))
        return self._rows(self._queries, texts)

    def encode_documents(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)``; see ``Encoder``."""
        if new := _unknown(texts, self._documents):
            self.document_tokens += sum(min(count, self.window) for count in self.token_counts(new))
            started = time.perf_counter()
            self._documents.update(zip(new, super().encode_documents(new, on_progress), strict=True))
            self.document_seconds += time.perf_counter() - started
        return self._rows(self._documents, texts)

    def _rows(self, known: dict[str, Vectors], texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.model.get_embedding_dimension() or 0), dtype=np.float32)
        return np.stack([known[text] for text in texts])


def _unknown(texts: Sequence[str], known: dict[str, Vectors]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text not in known]
