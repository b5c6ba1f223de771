"""A sentence-transformers module for hybrid vectors: a dense vector with a BM25 sketch appended, as one unit vector.

For a query q and a passage p with dense vectors v and sketches l, the inner product is ``v(q)·v(p) + scale · l(q)·l(p)``, up
to a factor that depends on the query alone. One more component gives all passages the same length (Bachrach et al. 2014), so
that cosine, inner product and Euclidean distance rank alike and long passages are not at a disadvantage.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from embedtune.errors import IntegrityError
from embedtune.models.over_dense import OverDense, load_dense
from embedtune.regular import read_json
from embedtune.text.analyzer import WORDS_VERSION, Analyzer
from embedtune.types import Matrix

_K1 = 1.2  # of BM25; b is 0, because windows have about the same length
_RARE = 2  # document frequency below which a term is not stored and weighs as much as an unseen one
_CACHED_TERMS = 100_000


class BM25Sketch:
    """Maps texts to vectors whose inner product approximates their BM25 score, with the term statistics of a corpus.

    Attributes:
        dimensions: Dimensions of the vectors.
    """

    def __init__(self, analyzer: Analyzer, n_texts: int, counts: dict[str, int], dimensions: int) -> None:
        """Set the statistics of a corpus.

        Args:
            analyzer: Makes terms of its texts and of queries.
            n_texts: Number of texts in the corpus.
            counts: Document frequency of each term, if it is 2 or more.
            dimensions: At least 8.
        """
        self.dimensions = dimensions
        self._analyzer = analyzer
        self._n_texts = n_texts
        self._counts = counts

    @classmethod
    def fit(cls, texts: Sequence[str], dimensions: int) -> BM25Sketch:
        """Detect the languages of a corpus and count its terms."""
        analyzer = Analyzer.of(texts)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(analyzer.document(text)))
        kept = {term: count for term, count in sorted(counts.items()) if count >= _RARE}
        return cls(analyzer, len(texts), kept, dimensions)

    def queries(self, texts: Sequence[str]) -> Matrix:
        """Return sketches of queries, ``(n, dimensions)``; a term weighs tf · √idf."""
        return self._project(map(self._analyzer.query, texts), float)

    def documents(self, texts: Sequence[str]) -> Matrix:
        """Return sketches of documents, ``(n, dimensions)``; a term weighs tf / (tf + k1) · √idf."""
        return self._project(map(self._analyzer.document, texts), lambda count: count / (count + _K1))

    def settings(self) -> dict[str, object]:
        """Return the JSON values that ``from_settings`` takes."""
        return {
            "words": WORDS_VERSION,
            "languages": list(self._analyzer.languages),
            "parts": dict(self._analyzer.words),
            "n_texts": self._n_texts,
            "dimensions": self.dimensions,
            "counts": self._counts,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> BM25Sketch:
        """Create a sketch from the values of ``settings``; raises ``IntegrityError`` if a value is missing or of old words."""
        try:
            if (words := settings.get("words", 1)) != WORDS_VERSION:
                raise IntegrityError(
                    f"lexical part of a model: expected words of version {WORDS_VERSION}, found version {words}: this "
                    "embedtune takes texts apart in another way",
                    hint="run generate and train again, or serve the model with the embedtune that made it",
                )
            n_texts, counts = settings["n_texts"], settings["counts"]
            return cls(Analyzer(settings["languages"], settings["parts"]), n_texts, counts, settings["dimensions"])
        except KeyError as error:
            raise IntegrityError(f"lexical part of a model: expected the setting {error}, found none") from error

    def _project(self, texts: Iterable[Sequence[str]], weigh: Callable[[int], float]) -> Matrix:
        rows = [Counter(terms) for terms in texts]
        result = np.zeros((len(rows), self.dimensions), dtype=np.float32)
        for row, counts in enumerate(rows):
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


_SETTINGS = "bm25_sketch.json"


class HybridVector(OverDense):
    """Appends BM25 sketches to the vectors of a model.

    Attributes:
        lexical: The BM25 sketch.
        scale: Weight of the sketches' inner product relative to the cosine.
        longest: Maximum squared length of a passage's scaled sketch; longer ones are shortened.
    """

    def __init__(self, dense: SentenceTransformer, lexical: BM25Sketch, *, scale: float, longest: float) -> None:
        super().__init__(dense)
        self.lexical = lexical
        self.scale = scale
        self.longest = longest

    def preprocess(
        self, inputs: Sequence[str], prompt: str | None = None, task: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Tokenize, and add sketches of the texts without prompt; all texts that are not queries count as passages."""
        features: dict[str, Any] = self.dense.preprocess(list(inputs), prompt=prompt, task=task, **kwargs)
        features["lexical"] = torch.from_numpy(
            query_parts(self, inputs) if task == "query" else document_parts(self, inputs)
        )
        return features

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Concatenate the dense vectors and the sketches."""
        lexical: Tensor = features.pop("lexical")
        features = self.dense(features, **kwargs)
        dense = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=-1)
        both = torch.cat([dense, lexical.to(dense.device)], dim=-1)
        features["sentence_embedding"] = torch.nn.functional.normalize(both, dim=-1)
        return features

    def get_embedding_dimension(self) -> int:
        """Return the dimensions of the dense vector and the sketch, and one for the component that equalises lengths."""
        return super().get_embedding_dimension() + self.lexical.dimensions + 1

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the dense model into a subfolder, and the settings of the sketch."""
        super().save(output_path, safe_serialization=safe_serialization)
        settings = {"scale": self.scale, "longest": self.longest, **self.lexical.settings()}
        Path(output_path, _SETTINGS).write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> HybridVector:
        """Load from a local folder."""
        folder = Path(model_name_or_path, subfolder)
        settings = read_json(folder / _SETTINGS)
        dense = load_dense(folder, kwargs)
        lexical = BM25Sketch.from_settings(settings)
        return cls(dense, lexical, scale=settings["scale"], longest=settings["longest"])


def append_sketches(model: HybridVector, vectors: Matrix, texts: Sequence[str]) -> Matrix:
    """Return the hybrid vectors of passages from their dense vectors, ``(n, dim)``, as ``encode_document`` would."""
    both = np.hstack([vectors, document_parts(model, texts)])
    unit: Matrix = both / np.linalg.norm(both, axis=1, keepdims=True)
    return unit


def query_parts(model: HybridVector, texts: Sequence[str]) -> Matrix:
    """Return the appended components of queries, ``(n, dimensions + 1)``."""
    parts = model.lexical.queries(texts) * np.float32(model.scale**0.5)
    return np.hstack([parts, np.zeros((len(parts), 1), dtype=np.float32)])


def document_parts(model: HybridVector, texts: Sequence[str]) -> Matrix:
    """Return the appended components of passages, ``(n, dimensions + 1)``, all of the same length."""
    parts = model.lexical.documents(texts) * np.float32(model.scale**0.5)
    squared = (parts**2).sum(axis=1, keepdims=True)
    parts *= np.sqrt(np.minimum(1, model.longest / np.maximum(squared, 1e-12)))
    rest = np.sqrt(np.maximum(0, model.longest - (parts**2).sum(axis=1, keepdims=True)))
    return np.hstack([parts, rest.astype(np.float32)])
