"""A run's passages, searched as ``eval`` searched them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from embedtune.errors import ConfigError
from embedtune.retrieval.fusion import Parts
from embedtune.serving.run_index import RunIndex
from embedtune.systems import System, find_kind
from embedtune.types import Passage


class Hit(NamedTuple):
    """One passage of an answer.

    Attributes:
        score: As in the run files of ``eval``: a cosine, a BM25 score, or a fused score; higher is better.
        rank: From 1.
        parts: Its ranks by the model and by BM25.
    """

    passage: Passage
    score: float
    rank: int
    parts: Parts


class Retriever:
    """Finds passages of a run by one of its systems. It can be pickled; a copy opens the run again.

    Threads may share it: they take turns.

    Attributes:
        opened: The run; several retrievers can share it.
        system: As ``eval`` names it.
        embedder: Of its queries; None for ``bm25``.
    """

    def __init__(self, opened: RunIndex, system: str = "auto") -> None:
        """Search an opened run.

        Args:
            opened: The run.
            system: One of ``opened.systems``, such as ``hybrid_tuned``, or ``auto``: what the run's verdict names, see
                ``evaluation.decision``.

        Raises:
            ConfigError: If there is no such system, or the base model is not found.
            DataError: If it needs a tuned model and training shipped none.
        """
        self.opened = opened
        self.system = opened.system(system)
        self.embedder = opened.embedder_of(self.system)
        self._searcher = opened.searcher(self.system)
        self._kind = find_kind(System.parse(self.system).kind)
        self._by_id = {passage.passage_id: passage for passage in opened.passages}
        self._lock = RLock()

    @classmethod
    def from_run(cls, run: Path | str, system: str = "auto", **options: Any) -> Retriever:
        """Open a run and search it.

        Args:
            run: The run folder.
            system: One of the systems that ``eval`` names, such as ``hybrid_tuned``, or ``auto``: what the run's verdict
                names.
            options: Of ``serving.run_index.RunIndex``: ``precision``, ``device``, ``store``, ``index``, ``depth``,
                ``token_memory``, ``trust_remote_code``.

        Raises:
            ConfigError: If there is no such system, or an option or the base model cannot be used.
            DataError: If a stage is missing, or the system needs a tuned model and training shipped none.
            IntegrityError: If dataset or model were changed since they were written.
        """
        return cls(RunIndex(run, **options), system)

    def retrieve(self, query: str, k: int = 10) -> list[Hit]:
        """Return the best k passages of a query, best first; fewer where BM25 alone finds fewer."""
        return self.retrieve_batch([query], k)[0]

    def retrieve_batch(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """Return the best k passages of each query.

        Raises:
            ConfigError: If k is less than 1.
        """
        if k < 1:
            raise ConfigError(f"k: expected 1 or more, found {k}")
        if not queries:
            return []
        with self._lock:
            # All at once, because what shares a batch with a text moves the last bits of its vector, in bf16 those that show.
            vectors = self.opened.encode_queries(self.system, queries)
            answers = self._searcher.answers(queries, vectors, self._kind, k)
        return [
            [Hit(self._by_id[name], score, rank, parts) for rank, (name, score, parts) in enumerate(found, start=1)]
            for found in answers
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Retriever.from_run, **self.opened.options), (self.opened.folder, self.system)


Metadata = dict[str, str | int | float]
"""Metadata of a passage for frameworks: flat, and without empty values, which some stores refuse."""


def passage_metadata(passage: Passage) -> Metadata:
    """Return ``passage_id``, ``document_id`` and, if the passage has them, ``title`` and ``page``."""
    metadata: Metadata = {"passage_id": passage.passage_id, "document_id": passage.document_id}
    if passage.title:
        metadata["title"] = passage.title
    if passage.page is not None:
        metadata["page"] = passage.page
    return metadata


def hit_metadata(hit: Hit, system: str) -> Metadata:
    """Return ``passage_metadata`` with ``system``, ``rank`` and, where known, ``dense_rank`` and ``lexical_rank``."""
    metadata = passage_metadata(hit.passage) | {"system": system, "rank": hit.rank}
    if hit.parts.dense is not None:
        metadata["dense_rank"] = hit.parts.dense
    if hit.parts.lexical is not None:
        metadata["lexical_rank"] = hit.parts.lexical
    return metadata
