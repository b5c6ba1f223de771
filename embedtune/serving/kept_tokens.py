"""Token vectors of the passages that were asked for last, kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from embedtune.retrieval.encoder import Vectors
from embedtune.retrieval.late_interaction import TokensOf

MEMORY = 512
"""MiB that are kept unless another number is asked for: 3,400 passages of 100 tokens with 384 components."""


class KeptTokens:
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
