"""The ways to find passages: by words, by meaning, both fused, and these reranked.

Token vectors of the passages that were asked for last, kept in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from embedtune.formats.run_files import ranked
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.late_interaction import TokensOf, blend, shift
from embedtune.retrieval.search import Units, lexical_run, top_run
from embedtune.serving.dense import DenseSide
from embedtune.serving.embedder import Embedder
from embedtune.serving.hits import Parts
from embedtune.types import Matrix, Passage, Vectors

MEMORY = 512
"""MiB that are kept unless another number is asked for: 3,400 passages of 100 tokens with 384 components."""


class TokenCache:
    """Encodes only passages that are not kept; what was asked for longest ago goes first when there is no more room.

    To encode twenty passages is nearly all of the time that a reranked query takes, and queries of one application find many
    of the same passages. Vectors are kept as they were made, so what was asked before changes scores by no more than the
    rounding of another batch.
    """

    def __init__(self, encode: TokensOf, memory: int = MEMORY) -> None:
        """Keep what ``encode`` makes.

        Args:
            encode: Makes the vectors of passages.
            memory: MiB for them; 0 keeps none.
        """
        self._encode = encode
        self._most = memory << 20
        self._kept: OrderedDict[int, Vectors] = OrderedDict()
        self._size = 0

    def __call__(self, passages: Sequence[int]) -> Iterator[Vectors]:
        """See ``TokensOf``."""
        held = {passage: self._kept[passage] for passage in passages if passage in self._kept}
        fresh = iter(self._encode([passage for passage in passages if passage not in held]))
        for passage in passages:
            vectors = held[passage] if passage in held else next(fresh)
            self._keep(passage, vectors)
            yield vectors

    def _keep(self, passage: int, vectors: Vectors) -> None:
        if passage not in self._kept:
            self._size += vectors.nbytes
        self._kept[passage] = vectors
        self._kept.move_to_end(passage)
        while self._size > self._most:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.nbytes


_BLOCK = 64  # queries whose scores of all passages are in memory at once
_DEPTH = 100  # as deep as eval's runs


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
        found = []
        for block in _blocks(texts):
            run = lexical_run(_ids(block), self._bm25.scores(block), self._units, _depth(k))
            found += [_best(row, k, lambda _, rank: Parts(None, rank)) for row in run.values()]
        return found


class ByMeaning:
    """A model."""

    def __init__(self, embedder: Embedder, dense: DenseSide) -> None:
        self._embedder = embedder
        self._dense = dense

    def search(self, texts: Sequence[str], k: int) -> list[list[Found]]:
        """See ``Engine``."""
        run = self._dense.search(_ids(texts), self._embedder.encode_queries(texts), _depth(k))
        return [_best(row, k, lambda _, rank: Parts(rank, None)) for row in run.values()]


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
        # All at once, because what shares a batch with a text moves the last bits of its vector, in bf16 those that show.
        vectors = self._embedder.encode_queries(texts)
        found = []
        for start, block in enumerate(_blocks(texts)):
            found += self._search(block, vectors[start * _BLOCK : start * _BLOCK + len(block)], k)
        return found

    def _search(self, texts: Sequence[str], vectors: Vectors, k: int) -> list[list[Found]]:
        dense, lexical = self._dense.scores(vectors), self._bm25.scores(texts)
        fused = self._dense.fuse(self._kind, dense, lexical, self._weight)
        run = top_run(_ids(texts), fused, self._units, _depth(k))

        def parts(by_meaning: Matrix, by_words: Matrix) -> Callable[[str, int], Parts]:
            def of(name: str, _: int) -> Parts:
                place = self._number[name]
                return Parts(_rank(by_meaning, place), _rank(by_words, place, floor=0.0))

            return of

        return [_best(row, k, parts(*both)) for row, *both in zip(run.values(), dense, lexical, strict=True)]


class Reranked:
    """A fused search whose best passages are put into a new order by their tokens."""

    def __init__(
        self,
        fused: Fused,
        embedder: Embedder,
        passages: Sequence[Passage],
        *,
        weight: float,
        depth: int,
        memory: int = MEMORY,
    ) -> None:
        """Rerank.

        Args:
            fused: Finds the passages.
            embedder: Of tokens.
            passages: The corpus.
            weight: Of the match, as in the fusion.
            depth: Passages of each query that are reranked.
            memory: MiB for tokens of passages that may be asked for again.
        """
        self._fused = fused
        self._embedder = embedder
        self._tokens_of = TokenCache(embedder.tokens_of(passages), memory)
        self._weight = weight
        self._depth = depth
        self._number = {passage.passage_id: number for number, passage in enumerate(passages)}

    def search(self, texts: Sequence[str], k: int) -> list[list[Found]]:
        """See ``Engine``; ranks in the parts are those in what was fused."""
        found = self._fused.search(texts, max(k, self._depth))
        asked = [[self._number[each.passage_id] for each in row[: self._depth]] for row in found]
        matches = self._embedder.match(texts, asked, self._tokens_of)
        return [self._reorder(row, numbers, each)[:k] for row, numbers, each in zip(found, asked, matches, strict=True)]

    def _reorder(self, found: list[Found], numbers: list[int], matches: Mapping[int, float]) -> list[Found]:
        best, rest = found[: len(numbers)], found[len(numbers) :]
        old = np.array([each.score for each in best], dtype=np.float32)
        new = blend(old, np.array([matches[number] for number in numbers], dtype=np.float32), self._weight)
        scored = [each._replace(score=score) for each, score in zip(best, new.tolist(), strict=True)]
        scored.sort(key=lambda each: (-each.score, each.passage_id))
        return scored + [each._replace(score=each.score + shift(old, new)) for each in rest]


def _best(row: dict[str, float], k: int, parts: Callable[[str, int], Parts]) -> list[Found]:
    return [Found(name, score, parts(name, rank)) for rank, (name, score) in enumerate(ranked(row)[:k], start=1)]


def _depth(k: int) -> int:
    """Return how deep to search: of equal scores at the end of a list chance decides, so its end must not be seen."""
    return max(_DEPTH, 2 * k)


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _BLOCK] for start in range(0, len(texts), _BLOCK))


def _ids(texts: Sequence[str]) -> list[str]:
    return [str(number) for number in range(len(texts))]


def _rank(scores: Matrix, place: int, floor: float = -np.inf) -> int | None:
    """Return the rank of one passage by one row of scores; None where it is not above ``floor``."""
    return 1 + int(np.count_nonzero(scores > scores[place])) if scores[place] > floor else None
