"""A run's passages, searched as ``eval`` searched them.

What a retriever returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from embedtune.errors import ConfigError
from embedtune.serving.hits import Hit
from embedtune.serving.run_index import RunIndex


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
            system: ``bm25``, ``base``, ``tuned``, ``hybrid_base``, ``hybrid_tuned``, ``rrf_base``, ``rrf_tuned``,
                ``rerank_base``, ``rerank_tuned``, or ``auto``: what the run's verdict names, see ``choice.choose_system``.

        Raises:
            ConfigError: If there is no such system, or the base model is not found.
            DataError: If it needs a tuned model and training shipped none.
        """
        self.opened = opened
        self.system = opened.system(system)
        self.embedder = opened.embedder_of(self.system)
        self._engine = opened.engine(self.system)
        self._by_id = {passage.passage_id: passage for passage in opened.passages}
        self._lock = RLock()

    @classmethod
    def from_run(cls, run: Path | str, system: str = "auto", **options: Any) -> Retriever:
        """Open a run and search it.

        Args:
            run: The run folder.
            system: As above.
            options: Of ``RunIndex``: ``precision``, ``device``, ``store``, ``depth``, ``token_memory``.

        Raises:
            EmbedtuneError: As ``RunIndex`` and ``Retriever`` do.
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
        with self._lock:
            answers = self._engine.search(queries, k) if queries else []
        return [
            [Hit(self._by_id[name], score, rank, parts) for rank, (name, score, parts) in enumerate(found, start=1)]
            for found in answers
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self.opened.folder, self.system, self.opened.options)


def _open(run: Path, system: str, options: dict[str, Any]) -> Retriever:
    return Retriever.from_run(run, system, **options)
