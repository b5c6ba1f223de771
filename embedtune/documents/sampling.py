"""A bounded sample of passages that come one after the other."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heappop, heappush

from embedtune.text.hashing import fingerprint
from embedtune.types import Passage

CHARS_PER_PASSAGE = 2000
"""Characters that the sample holds for each passage of its size on average, so that long passages are bounded too."""


class PassageSample:
    """Keeps all passages while they are few, and else those whose hash with the seed is smallest, whatever their order.

    Attributes:
        n_seen: Passages so far.
    """

    def __init__(self, size: int, seed: int, *, wanted: Collection[str] = frozenset()) -> None:
        """Start a sample.

        Args:
            size: Passages at most; ``CHARS_PER_PASSAGE`` characters for each are the other bound.
            seed: Another seed draws others.
            wanted: Ids of documents whose passages are kept in any case, and count for neither bound.
        """
        self._size = size
        self._seed = seed
        self._wanted = wanted
        self._always: list[tuple[int, Passage]] = []
        self._drawn: list[tuple[int, int, Passage]] = []  # a heap, the largest hash first
        self._chars = 0
        self._limit = 1 << 64  # hashes from here on were refused before
        self.n_seen = 0

    def add(self, passage: Passage) -> None:
        """Offer a passage."""
        number, self.n_seen = self.n_seen, self.n_seen + 1
        if passage.document_id in self._wanted:
            self._always.append((number, passage))
            return
        rank = fingerprint(f"{self._seed}:{passage.passage_id}")
        if rank >= self._limit:
            return
        heappush(self._drawn, (-rank, number, passage))
        self._chars += len(passage.full_text)
        while len(self._drawn) > self._size or self._chars > CHARS_PER_PASSAGE * self._size:
            worst, _, lost = heappop(self._drawn)
            self._chars -= len(lost.full_text)
            self._limit = -worst

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return len(self._always) + len(self._drawn) == self.n_seen

    def passages(self) -> list[Passage]:
        """Return the sample, in the order in which its passages came."""
        kept = self._always + [(number, passage) for _, number, passage in self._drawn]
        return [passage for _, passage in sorted(kept, key=lambda row: row[0])]
