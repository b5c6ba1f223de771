"""The three ways to find passages: by words, by meaning, and both fused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from embedtune.formats.trec import ranked
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import Matrix
from embedtune.retrieval.systems import Units, lexical_run, top_run
from embedtune.serving.dense import DenseSide
from embedtune.serving.embedder import Embedder
from embedtune.serving.hits import Parts


class Found(NamedTuple):
    """A passage of an answer, by its id."""

    passage_id: str
    score: float
    parts: Parts


class Engine(Protocol):
    """Answers queries with passages."""

    def search(self, texts: Sequence[str], k: int) -> list[list[Found]]:
        """Return the best k passages of each query, best first."""
        ...


class ByWords:
    """BM25."""

    def __init__(self, bm25: BM25, units: Units) -> None:
        self._bm25 = bm25
        self._units = units

    def search(self, texts: Sequence[str], k: int) -> list[list[Found]]:
        """See ``Engine``; passages that share no term with the query are not found."""
        run = lexical_run(_ids(texts), self._bm25.scores(texts), self._units, k)
        return [
            [Found(name, score, Parts(None, rank)) for rank, (name, score) in enumerate(ranked(row), start=1)]
            for row in run.values()
        ]


class ByMeaning:
    """A model."""

    def __init__(self, embedder: Embedder, dense: DenseSide) -> None:
        self._embedder = embedder
        self._dense = dense

    def search(self, texts: Sequence[str], k: int) -> list[list[Found]]:
        """See ``Engine``."""
        run = self._dense.search(_ids(texts), self._embedder.encode_queries(texts), k)
        return [
            [Found(name, score, Parts(rank, None)) for rank, (name, score) in enumerate(ranked(row), start=1)]
            for row in run.values()
        ]


class Fused:
    """A model and BM25, by ``hybrid`` or ``rrf``."""

    def __init__(
        self, kind: str, embedder: Embedder, dense: DenseSide, bm25: BM25, units: Units, weight: float
    ) -> None:
        self._kind = kind
        self._embedder = embedder
        self._dense = dense
        self._bm25 = bm25
        self._units = units
        self._weight = weight
        self._number = {name: number for number, name in enumerate(units.ids)}

    def search(self, texts: Sequence[str], k: int) -> list[list[Found]]:
        """See ``Engine``."""
        dense = self._dense.scores(self._embedder.encode_queries(texts))
        lexical = self._bm25.scores(texts)
        run = top_run(_ids(texts), self._dense.fuse(self._kind, dense, lexical, self._weight), self._units, k)
        return [
            [
                Found(name, score, Parts(_rank(by_meaning, place), _rank(by_words, place, floor=0.0)))
                for name, score in ranked(row)
                for place in [self._number[name]]
            ]
            for row, by_meaning, by_words in zip(run.values(), dense, lexical, strict=True)
        ]


def _ids(texts: Sequence[str]) -> list[str]:
    return [str(number) for number in range(len(texts))]


def _rank(scores: Matrix, place: int, floor: float = -np.inf) -> int | None:
    """Return the rank of one passage by one row of scores; None where it is not above ``floor``."""
    return 1 + int(np.count_nonzero(scores > scores[place])) if scores[place] > floor else None
