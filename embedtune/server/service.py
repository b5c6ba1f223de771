"""What the server computes, on lists of items: it knows runs, and nothing of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from embedtune.retrieval.bm25 import SparseVector
from embedtune.serving.embedder import Embedder, Which
from embedtune.serving.names import served_name
from embedtune.serving.retriever import Hit, Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.types import Vectors

_GROUP = 8  # texts of about one length that are encoded at once: on a CPU more pad more, and save nothing


class Embedded(NamedTuple):
    """The unit vector ``(dim,)`` of a text in fp32, and its tokens without special tokens and prompt."""

    vector: Vectors
    n_tokens: int


class Service:
    """A run, loaded.

    Attributes:
        name: What clients call the model.
        embedder: Its model, in fp32.
        system: The system that searches.
        sides_differ: Whether a text has another vector as a query than as a document.
    """

    def __init__(
        self,
        run: Path,
        which: Which = "auto",
        system: str = "auto",
        *,
        index: str | None = None,
        device: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Load everything, and encode passages unless the run has their vectors; ``index`` and errors are ``RunIndex``'s."""
        self.name = served_name(run.resolve().name)
        self.embedder = Embedder.from_run(run, which, device=device, trust_remote_code=trust_remote_code)
        opened = RunIndex(run, index=index, device=device, trust_remote_code=trust_remote_code)
        self._retriever = Retriever(opened, system)
        self._retriever.retrieve("ready")
        self.system = self._retriever.system
        probe = self.embedder.encode_query("ready"), self.embedder.encode_document("ready")
        self.sides_differ = not np.array_equal(*probe)

    def embed_queries(self, texts: Sequence[str]) -> list[Embedded]:
        """Return the vectors that ``eval`` has of queries."""
        return self._embed("query", texts)

    def embed_documents(self, texts: Sequence[str]) -> list[Embedded]:
        """Return the vectors that ``eval`` has of windows; what the model cannot see of a text is cut off."""
        return self._embed("document", texts)

    def search(self, asked: Sequence[tuple[str, int]]) -> list[list[Hit]]:
        """Return the best passages of each query, as many as it asks for."""
        most = max(k for _, k in asked)
        found = self._retriever.retrieve_batch([query for query, _ in asked], most)
        return [hits[:k] for hits, (_, k) in zip(found, asked, strict=True)]

    def sparse_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return the words of queries over the terms of the run's passages, as ``export.words`` numbers them."""
        return self._retriever.opened.sparse_queries(texts)

    def windows(self, text: str) -> list[str]:
        """Return the windows of a text, as ``eval`` cuts passages."""
        return self.embedder.windows(text)

    def _embed(self, side: str, texts: Sequence[str]) -> list[Embedded]:
        encode = self.embedder.encode_queries if side == "query" else self.embedder.encode_documents
        counts = self.embedder.encoder.token_counts(texts)
        order = sorted(range(len(texts)), key=lambda number: -counts[number])
        vectors: dict[int, Vectors] = {}
        for start in range(0, len(order), _GROUP):
            rows = order[start : start + _GROUP]
            vectors |= dict(zip(rows, encode([texts[row] for row in rows]), strict=True))
        return [Embedded(vectors[row], counts[row]) for row in range(len(texts))]
