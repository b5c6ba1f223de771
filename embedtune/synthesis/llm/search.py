"""The fused search that written queries must pass: BM25 and the untuned base model over the passages they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from embedtune.config.settings import GenerateConfig
from embedtune.models.encoder import Encoder, choose_precision
from embedtune.progress import track
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.corpus import corpus_windows
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, z_score_sum
from embedtune.retrieval.search import dense_blocks
from embedtune.types import Passage


class FusedSearch:
    """Searches passages by meaning and by words, weighted as usual: nothing is known yet about either side."""

    def __init__(self, passages: Sequence[Passage], encoder: Encoder, config: GenerateConfig) -> None:
        """Encode the passages with the base model."""
        self.passages = passages
        self._encoder = Encoder(encoder.model, precision=choose_precision("auto"))
        self._bm25 = BM25([passage.full_text for passage in passages])
        self._windows = corpus_windows(passages, self._encoder, config.window_tokens, config.window_overlap)
        with track("encode passages", len(set(self._windows.texts))) as on_progress:
            self._vectors = self._encoder.encode_documents(self._windows.texts, on_progress)

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

    def _scores(self, queries: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        with track("search queries", len(queries)) as on_progress:
            vectors = self._encoder.encode_queries(queries)
            for start, dense in dense_blocks(vectors, self._vectors, self._windows):
                lexical = self._bm25.scores(queries[start : start + len(dense)])
                yield z_score_sum(dense, lexical, DEFAULT_WEIGHT)
                on_progress(len(dense))
