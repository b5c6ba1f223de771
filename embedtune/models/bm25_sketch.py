"""Sketches of BM25's term weights in a few hundred dimensions, which can be appended to a dense vector.

A random projection with entries ±1/√dimensions keeps inner products up to noise of 1/√dimensions (Johnson and Lindenstrauss
1984; Achlioptas 2003). Lin and Lin (2023) showed that a dense vector with an appended lexical part retrieves like the fusion of
dense and lexical search; their lexical part is learned, this one only counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import log
from typing import Any

import numpy as np

from embedtune.errors import IntegrityError
from embedtune.text.analyzer import Analyzer
from embedtune.types import Matrix

_K1 = 1.2  # of BM25; b is 0, because windows have about the same length
_RARE = 2  # document frequency below which a term is not stored and weighs as much as an unseen one
_CACHED_TERMS = 100_000


class BM25Sketch:
    """Maps texts to vectors whose inner product approximates their BM25 score, with the term statistics of a corpus.

    Attributes:
        dimensions: Dimensions of the vectors.
    """

    def __init__(self, language: str, n_texts: int, counts: dict[str, int], dimensions: int) -> None:
        """Set the statistics of a corpus.

        Args:
            language: Language of the stop words and the stemmer, as ``find_language`` names it; empty for none.
            n_texts: Number of texts in the corpus.
            counts: Document frequency of each term, if it is 2 or more.
            dimensions: At least 8.
        """
        self.dimensions = dimensions
        self._analyze = Analyzer(language)
        self._n_texts = n_texts
        self._counts = counts

    @classmethod
    def fit(cls, texts: Sequence[str], dimensions: int) -> BM25Sketch:
        """Detect the language of a corpus and count its terms."""
        analyze = Analyzer.of(texts)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(analyze(text)))
        kept = {term: count for term, count in sorted(counts.items()) if count >= _RARE}
        return cls(analyze.language, len(texts), kept, dimensions)

    def queries(self, texts: Sequence[str]) -> Matrix:
        """Return sketches of queries, ``(n, dimensions)``; a term weighs tf · √idf."""
        return self._project(texts, float)

    def documents(self, texts: Sequence[str]) -> Matrix:
        """Return sketches of documents, ``(n, dimensions)``; a term weighs tf / (tf + k1) · √idf."""
        return self._project(texts, lambda count: count / (count + _K1))

    def settings(self) -> dict[str, object]:
        """Return the JSON values that ``from_settings`` takes."""
        return {
            "language": self._analyze.language,
            "n_texts": self._n_texts,
            "dimensions": self.dimensions,
            "counts": self._counts,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> BM25Sketch:
        """Create a sketch from the values of ``settings``.

        Raises:
            IntegrityError: If a value is missing.
        """
        try:
            return cls(settings["language"], settings["n_texts"], settings["counts"], settings["dimensions"])
        except KeyError as error:
            raise IntegrityError(f"lexical part of a model: expected the setting {error}, found none") from error

    def _project(self, texts: Sequence[str], weigh: Callable[[int], float]) -> Matrix:
        result = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            counts = Counter(self._analyze(text))
            if counts:
                # √idf on both sides, rather than idf on one, minimises the noise of the product.
                weights = [weigh(count) * self._root_idf(term) for term, count in counts.items()]
                result[row] = np.array(weights, dtype=np.float32) @ self._signs(counts)
        return result

    def _root_idf(self, term: str) -> float:
        """Return √idf with Lucene's idf = log(1 + (N − n + ½) / (n + ½)) ≥ 0."""
        count = self._counts.get(term, 1)
        return float(log(1 + (self._n_texts - min(count, self._n_texts) + 0.5) / (count + 0.5)) ** 0.5)

    def _signs(self, terms: Iterable[str]) -> Matrix:
        """Return ±1/√dimensions for each term, ``(n_terms, dimensions)``: pseudo-random, and the same on every machine."""
        packed = b"".join(_random_bytes(term, -(-self.dimensions // 8)) for term in terms)
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8)).reshape(-1, 8 * -(-self.dimensions // 8))
        signs: Matrix = (bits[:, : self.dimensions].astype(np.float32) * 2 - 1) / np.float32(self.dimensions**0.5)
        return signs


@lru_cache(maxsize=_CACHED_TERMS)
def _random_bytes(term: str, n_bytes: int) -> bytes:
    return hashlib.shake_128(term.encode()).digest(n_bytes)
