"""Late interaction: every token of a query looks for the token of a passage that is most like it.

A pair scores the mean, over the query's tokens, of the highest cosine among the passage's tokens: MaxSim of Khattab and Zaharia
(2020), divided by the number of query tokens. The token vectors are those that an embedding model makes before it pools them
into one: there is no further model and no training. One vector tells what a passage is about; its tokens show whether it
answers the query. They are too many to be kept of every passage, so the best few of a search are put into a new order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from embedtune.models.encoder import Encoder
from embedtune.retrieval.fusion import z_scores
from embedtune.types import Matrix, Vectors

DEPTH = 20
"""Passages of each query that are reranked; more change nothing (docs/log.md)."""

MEMORY = 512
"""Default size of a ``TokenCache`` in MiB: 3,400 passages of 100 tokens with 384 components."""

_BLOCK = 256  # windows whose token vectors are in memory at once

WindowsOf = Callable[[int], Sequence[str]]
"""Number of a passage → the windows that an embedder sees of it."""

TokensOf = Callable[[Sequence[int]], Iterator[Vectors]]
"""Numbers of passages → the unit vectors of each one's tokens, ``(n_tokens, dim)``, one passage after the other."""


class Candidates(NamedTuple):
    """The best passages of a search for one query, best first."""

    passages: list[int]  # numbers of passages, (n,)
    scores: Matrix  # scores of these passages, (n,)


def encoded_tokens(encoder: Encoder, windows_of: WindowsOf) -> TokensOf:
    """Return a function that encodes all windows of passages, in blocks that fit in memory."""

    def tokens_of(passages: Sequence[int]) -> Iterator[Vectors]:
        for block in _blocks(passages, windows_of):
            vectors = iter(encoder.encode_document_tokens([text for windows in block for text in windows]))
            for windows in block:
                yield np.concatenate([next(vectors) for _ in windows])

    return tokens_of


class TokenCache:
    """Keeps the token vectors of passages in memory; the least recently used go first when the memory is full.

    Encoding twenty passages takes nearly all of the time of a reranked query, and the queries of one application find many of
    the same passages. Earlier queries change scores by no more than the rounding of another batch.
    """

    def __init__(self, encode: TokensOf, memory: int = MEMORY) -> None:
        """Cache an encoder of passages in so many MiB; 0 keeps none."""
        self._encode = encode
        self._most = memory << 20
        self._kept: OrderedDict[int, Vectors] = OrderedDict()
        self._size = 0

    def __call__(self, passages: Sequence[int]) -> Iterator[Vectors]:
        """See ``TokensOf``."""
        cached = {passage: self._kept[passage] for passage in passages if passage in self._kept}
        encoded = iter(self._encode([passage for passage in passages if passage not in cached]))
        for passage in passages:
            vectors = cached[passage] if passage in cached else next(encoded)
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


def match(
    encoder: Encoder,
    queries: Sequence[str],
    candidates: Sequence[Sequence[int]],
    tokens_of: TokensOf,
    on_progress: Callable[[int], None] | None = None,
) -> list[dict[int, float]]:
    """Return how well the tokens of each query are matched by those of its passages, in [-1, 1].

    Every passage is encoded once, however many queries have it; a text without tokens matches with 0. ``candidates`` are the
    numbers of each query's passages; ``tokens_of`` gives the tokens of all their windows: the match may be in any of them.
    """
    matches: list[dict[int, float]] = [{} for _ in queries]
    queries_of: dict[int, list[int]] = {}
    for query, passages in enumerate(candidates):
        for passage in passages:
            queries_of.setdefault(passage, []).append(query)
    if not queries_of:
        return matches
    tokens = encoder.encode_query_tokens(queries)
    passages = sorted(queries_of)
    for passage, of_passage in zip(passages, tokens_of(passages), strict=True):
        for query in queries_of[passage]:
            matches[query][passage] = max_sim(tokens[query], of_passage)
        if on_progress:
            on_progress(1)
    return matches


def max_sim(query: Vectors, passage: Vectors) -> float:
    """Return the mean over the query's tokens ``(n, dim)`` of the highest cosine with one of the passage's ``(m, dim)``."""
    if not len(query) or not len(passage):
        return 0.0
    return float((query @ passage.T).max(axis=1).mean())


def blend(scores: Matrix, matches: Matrix, weight: float) -> Matrix:
    """Return the new scores of one query's candidates: ``z(scores) + weight · z(matches)``, standardised over the candidates.

    ``scores`` are those of the fusion, ``(n,)``, ``weight`` the model's in it: its tokens are trusted as far as its vectors.
    """
    both: Matrix = z_scores(scores[None])[0] + weight * z_scores(matches[None])[0]
    return both


def shift(scores: Matrix, blended: Matrix) -> float:
    """Return what is added to the scores of all other passages, to put them below the reranked ones in their old order."""
    return float(blended.min() - scores.min()) if len(scores) else 0.0


def _blocks(passages: Sequence[int], windows_of: WindowsOf) -> Iterator[list[Sequence[str]]]:
    block: list[Sequence[str]] = []
    n_windows = 0
    for passage in passages:
        windows = windows_of(passage)
        block.append(windows)
        n_windows += len(windows)
        if n_windows >= _BLOCK:
            yield block
            block, n_windows = [], 0
    if block:
        yield block
