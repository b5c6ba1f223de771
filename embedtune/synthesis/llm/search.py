"""The fused search that LLM-generated queries must pass: BM25 and the untuned base model over the passages they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from embedtune.progress import track
from embedtune.retrieval.searcher import HybridSearcher
from embedtune.types import Matrix


class FusedSearch(HybridSearcher):
    """Finds where a fused search ranks passages; nothing is known yet about either side, so the weight is the default."""

    def top(self, queries: Sequence[str], depth: int) -> Iterator[list[int]]:
        """Yield for each query the numbers of its best passages, best first."""
        for block in self._scores(queries):
            yield from np.argsort(-block, axis=1, kind="stable")[:, :depth].tolist()

    def ranks(self, queries: Sequence[str], wanted: Sequence[Sequence[Sequence[int]]]) -> list[int]:
        """Return how far down a search leads to all that a query came from: the rank of its worst placed source.

        Args:
            queries: Texts.
            wanted: For each query its sources; for each source the numbers of the passages that say it.
        """
        ranks: list[int] = []
        for block in self._scores(queries):
            for row in block:
                sources = wanted[len(ranks)]
                best = [row[list(columns)].max() for columns in sources]
                ranks.append(int((row > min(best)).sum()) + 1)
        return ranks

    def _scores(self, queries: Sequence[str]) -> Iterator[Matrix]:
        with track("search queries", len(queries)) as on_progress:
            for _, scores in self.blocks(queries, self.encoder.encode_queries(queries)):
                yield scores.z_score_sum
                on_progress(len(scores.z_score_sum))
