"""Term weights of BM25 in a few hundred dimensions, so that one vector can carry meaning and words.

A text's weights of all terms, multiplied by a sign for each term and dimension that is drawn at random, keep their inner
products up to noise of 1/√dimensions (Johnson and Lindenstrauss 1984; Achlioptas 2003). Lin and Lin (2023) showed that a dense
vector with such a lexical part beside it retrieves like dense and lexical search fused; theirs is learned, ours only counted.
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

_K1 = 1.2  # of BM25; windows are of one length, so its b is 0
_RARE = 2  # documents; a term in fewer weighs what an unseen one does, and need not be stored
_CACHED_TERMS = 100_000


class BM25Sketch:
    """Turns texts into vectors whose inner product is about their BM25 score, with the weights of one corpus.

    Attributes:
        dimensions: Of the vectors.
    """

    def __init__(self, language: str, n_texts: int, counts: dict[str, int], dimensions: int) -> None:
        """Take the counts of a corpus.

        Args:
            language: Whose stop words and stemmer are used, as ``find_language`` names it; empty for none.
            n_texts: In the corpus.
            counts: In how many texts each term stands, from two up.
            dimensions: At least 8.
        """
        self.dimensions = dimensions
        self._analyze = Analyzer(language)
        self._n_texts = n_texts
        self._counts = counts

    @classmethod
    def fit(cls, texts: Sequence[str], dimensions: int) -> BM25Sketch:
        """Count a corpus, in which language it is included."""
        analyze = Analyzer.of(texts)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(analyze(text)))
        kept = {term: count for term, count in sorted(counts.items()) if count >= _RARE}
        return cls(analyze.language, len(texts), kept, dimensions)

    def queries(self, texts: Sequence[str]) -> Matrix:
        """Return ``(n, dimensions)``: of each term its count times the root of its inverse document frequency."""
        return self._project(texts, float)

    def documents(self, texts: Sequence[str]) -> Matrix:
        """Return ``(n, dimensions)``: of each term BM25's saturated count times the root of its inverse document frequency."""
        return self._project(texts, lambda count: count / (count + _K1))

    def settings(self) -> dict[str, object]:
        """Return what ``from_settings`` takes."""
        return {
            "language": self._analyze.language,
            "n_texts": self._n_texts,
            "dimensions": self.dimensions,
            "counts": self._counts,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> BM25Sketch:
        """Make it again from its settings.

        Raises:
            IntegrityError: If one is missing.
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
                # The weight is split evenly between query and document: so the noise of their product is smallest.
                weights = [weigh(count) * self._root_of_frequency(term) for term, count in counts.items()]
                result[row] = np.array(weights, dtype=np.float32) @ self._signs(counts)
        return result

    def _root_of_frequency(self, term: str) -> float:
        """Return the root of log(1 + (N − n + ½) / (n + ½)), Lucene's inverse document frequency; never below 0."""
        count = self._counts.get(term, 1)
        return float(log(1 + (self._n_texts - min(count, self._n_texts) + 0.5) / (count + 0.5)) ** 0.5)

    def _signs(self, terms: Iterable[str]) -> Matrix:
        """Return ±1/√dimensions for each term: random, and the same in every process and on every machine."""
        packed = b"".join(_random_bytes(term, -(-self.dimensions // 8)) for term in terms)
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8)).reshape(-1, 8 * -(-self.dimensions // 8))
        signs: Matrix = (bits[:, : self.dimensions].astype(np.float32) * 2 - 1) / np.float32(self.dimensions**0.5)
        return signs


@lru_cache(maxsize=_CACHED_TERMS)
def _random_bytes(term: str, n_bytes: int) -> bytes:
    return hashlib.shake_128(term.encode()).digest(n_bytes)
