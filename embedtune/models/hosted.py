"""Vectors of an embedding model on a server, in the place of a local model: each text is embedded once and cached."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from embedtune.errors import EmbedtuneError, IntegrityError, ProviderError, ResourceError
from embedtune.models.encoder import Encoder
from embedtune.text.hashing import hash_json
from embedtune.types import Progress, Vectors

_BLOCK = 64  # texts of one request
_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (side TEXT, text TEXT, vector BLOB NOT NULL, PRIMARY KEY (side, text))"

Request = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts → a vector of each, by the model."""


class HostedEmbedding(Protocol):
    """Any embedding of LlamaIndex."""

    def get_query_embedding(self, query: str) -> list[float]:
        """Return the vector of a query."""
        ...

    def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        ...


class EmbeddingCache:
    """The vectors of one embedding model in an SQLite file, so that none is paid for twice, even after a crash."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open or create the file of a model in a folder such as ``RUN/.vectors``; another name is another file.

        Raises:
            ResourceError: If the file cannot be written.
        """
        self._path = folder / f"asked-{hash_json(name)[:16]}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self._path)
            self._file.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ResourceError(f"{self._path}: expected to write there, found: {error}") from error

    def get(self, side: str, texts: Sequence[str], request: Request, on_progress: Progress | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32 of at least one text; missing ones are requested in blocks that are cached.

        ``side`` is ``query`` or ``document``; ``on_progress`` is called with the number of texts done since the last call.

        Raises:
            ProviderError: If the model fails; earlier vectors are kept.
            IntegrityError: If its vectors are invalid.
            ResourceError: If they cannot be written.
        """
        unique = list(dict.fromkeys(texts))
        known = {text: vector for text in unique if (vector := self._find(side, text)) is not None}
        missing = [text for text in unique if text not in known]
        if on_progress:
            on_progress(len(known))
        for start in range(0, len(missing), _BLOCK):
            block = missing[start : start + _BLOCK]
            known |= zip(block, self._request(side, block, request), strict=True)
            if on_progress:
                on_progress(len(block))
        if len({len(vector) for vector in known.values()}) > 1:
            raise IntegrityError(f"{self._path}: expected vectors of one length, found several", hint="delete the file")
        return np.stack([known[text] for text in texts])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, side: str, text: str) -> Vectors | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE side = ? AND text = ?", (side, text)).fetchone()
        return None if row is None else np.frombuffer(row[0], dtype="<f4")

    def _request(self, side: str, texts: Sequence[str], request: Request) -> Vectors:
        try:
            vectors = np.asarray(request(texts), dtype="<f4")
        except EmbedtuneError:
            raise
        except Exception as error:  # whatever a client raises
            raise ProviderError(
                f"embedder: expected vectors, found: {type(error).__name__}: {error}",
                hint="give the same call again; vectors that it gave are kept",
            ) from error
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True) if vectors.ndim == 2 else np.zeros((1, 1))
        if len(vectors) != len(texts) or not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise IntegrityError(
                f"embedder: expected {len(texts)} vectors other than zero, found an array {vectors.shape}"
            )
        unit: Vectors = (vectors / lengths).astype("<f4")
        try:
            with self._file:
                rows = [(side, text, vector.tobytes()) for text, vector in zip(texts, unit, strict=True)]
                self._file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise ResourceError(f"{self._path}: expected to write there, found: {error}") from error
        return unit


class HostedEncoder(Encoder):
    """An encoder by a hosted model; windows are cut by the tokenizer of another, local model."""

    def __init__(self, tokenizing: Encoder, embedding: HostedEmbedding, cache: EmbeddingCache) -> None:
        """Wrap an embedding, which puts its own prompts in front, if it has any; ``tokenizing`` cuts passages into windows."""
        super().__init__(tokenizing.model, precision=tokenizing.precision)
        self._embedding = embedding
        self._cache = cache

    def encode_queries(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """See ``Encoder``; queries are embedded one by one, as in LlamaIndex."""
        return self._cache.get(
            "query", texts, lambda block: [self._embedding.get_query_embedding(text) for text in block], on_progress
        )

    def encode_documents(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """See ``Encoder``."""
        return self._cache.get(
            "document", texts, lambda block: self._embedding.get_text_embedding_batch(list(block)), on_progress
        )
