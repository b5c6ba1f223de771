"""Embedders by name, ``PROVIDER:MODEL``: any server with OpenAI's interface, or a class of LlamaIndex.

Vectors of an embedder that is not ours to change: a closed one, or a server. Each text is asked for once and kept.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from embedtune.errors import ConfigError, EmbedtuneError, IntegrityError, ProviderError, ResourceError
from embedtune.extras import requires
from embedtune.llm.providers import check_url, find_key
from embedtune.models.encoder import Encoder
from embedtune.text.hashing import hash_json
from embedtune.types import Vectors

_BLOCK = 64  # texts that are asked for and kept at once
_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (side TEXT, text TEXT, vector BLOB NOT NULL, PRIMARY KEY (side, text))"

Ask = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts → a vector for each."""


class HostedEmbedding(Protocol):
    """Any embedding of LlamaIndex."""

    def get_query_embedding(self, query: str) -> list[float]:
        """Return the vector of a query."""
        ...

    def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        ...


class EmbeddingCache:
    """The vectors of one embedder in an SQLite file; those that were paid for survive whatever breaks off."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open or make the file of an embedder.

        Args:
            folder: For example ``RUN/.vectors``.
            name: Of the embedder; another name is another file.

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

    def get(
        self, side: str, texts: Sequence[str], ask: Ask, on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32; what is not there is asked for in blocks, and each block is kept.

        Args:
            side: ``query`` or ``document``.
            texts: At least one.
            ask: Asks the embedder.
            on_progress: Hears how many texts more are done.

        Raises:
            ProviderError: If the embedder fails; what it gave before is kept.
            IntegrityError: If it gives vectors that cannot be.
            ResourceError: If they cannot be kept.
        """
        unique = list(dict.fromkeys(texts))
        known = {text: vector for text in unique if (vector := self._find(side, text)) is not None}
        missing = [text for text in unique if text not in known]
        if on_progress:
            on_progress(len(known))
        for start in range(0, len(missing), _BLOCK):
            block = missing[start : start + _BLOCK]
            known |= zip(block, self._ask(side, block, ask), strict=True)
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

    def _ask(self, side: str, texts: Sequence[str], ask: Ask) -> Vectors:
        try:
            found = np.asarray(ask(texts), dtype="<f4")
        except EmbedtuneError:
            raise
        except Exception as error:  # whatever a client of some embedder raises
            raise ProviderError(
                f"embedder: expected vectors, found: {type(error).__name__}: {error}",
                hint="give the same call again; vectors that it gave are kept",
            ) from error
        lengths = np.linalg.norm(found, axis=1, keepdims=True) if found.ndim == 2 else np.zeros((1, 1))
        if len(found) != len(texts) or not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise IntegrityError(
                f"embedder: expected {len(texts)} vectors other than zero, found an array {found.shape}"
            )
        unit: Vectors = (found / lengths).astype("<f4")
        try:
            with self._file:
                rows = [(side, text, vector.tobytes()) for text, vector in zip(texts, unit, strict=True)]
                self._file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise ResourceError(f"{self._path}: expected to write there, found: {error}") from error
        return unit


class HostedEncoder(Encoder):
    """Stands in for a model: its vectors are asked for, its windows are cut by the tokenizer of another model."""

    def __init__(self, tokenizing: Encoder, embedding: HostedEmbedding, kept: EmbeddingCache) -> None:
        """Use an embedding.

        Args:
            tokenizing: Whose tokenizer and window cut passages.
            embedding: Any embedding of LlamaIndex; it puts its own prompts in front, if it has any.
            kept: Where its vectors are kept.
        """
        super().__init__(tokenizing.model, precision=tokenizing.precision)
        self._embedding = embedding
        self._kept = kept

    def encode_queries(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        """See ``Encoder``; queries are asked one by one, as LlamaIndex has it."""
        return self._kept.get(
            "query", texts, lambda block: [self._embedding.get_query_embedding(text) for text in block], on_progress
        )

    def encode_documents(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        """See ``Encoder``."""
        return self._kept.get(
            "document", texts, lambda block: self._embedding.get_text_embedding_batch(list(block)), on_progress
        )


_CLASS = re.compile(r"llama_index\.embeddings\.[a-z_]+\.[A-Za-z]+")
_TIMEOUT_S = 120.0


def load_embedding(name: str, base_url: str | None = None) -> HostedEmbedding:
    """Return an embedder; nothing is sent yet.

    Args:
        name: ``openai:MODEL``, or ``llama_index.embeddings.PACKAGE.CLASS:MODEL``, whose ``model_name`` it then is.
        base_url: A server with OpenAI's interface; None is OpenAI. Its key comes from the environment, as with language models.

    Raises:
        ConfigError: If name, address, key or a package is missing or wrong.
    """
    provider, colon, model = name.partition(":")
    check_url(base_url)
    if colon and model and provider == "openai":
        return OpenAIEmbedding(model, base_url, find_key("openai", base_url, None))
    if colon and model and _CLASS.fullmatch(provider):
        module, _, kind = provider.rpartition(".")
        embedding: HostedEmbedding = getattr(_import(module), kind, _no_class(name))(model_name=model)
        return embedding
    raise _unknown(name)


class OpenAIEmbedding:
    """A server with OpenAI's interface."""

    def __init__(self, model: str, base_url: str | None, key: str | None) -> None:
        """Use a model of a server.

        Raises:
            ConfigError: If the package openai is missing.
        """
        openai = _import("openai", "embedtune[llm]")
        self._model = model
        self._client = openai.OpenAI(base_url=base_url, api_key=key or "none", timeout=_TIMEOUT_S)

    def get_query_embedding(self, query: str) -> list[float]:
        """See ``HostedEmbedding``."""
        return self.get_text_embedding_batch([query])[0]

    def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
        """See ``HostedEmbedding``."""
        found = self._client.embeddings.create(model=self._model, input=texts, encoding_format="float")
        return [each.embedding for each in sorted(found.data, key=lambda each: each.index)]


def _import(module: str, package: str | None = None) -> Any:
    install = package or module.replace("llama_index", "llama-index").replace(".", "-").replace("_", "-")
    with requires(install, where="--embedding"):
        return import_module(module)


def _no_class(name: str) -> Any:
    def refuse(**_: Any) -> None:
        raise _unknown(name)

    return refuse


def _unknown(name: str) -> ConfigError:
    return ConfigError(
        f"--embedding: expected openai:MODEL or llama_index.embeddings.PACKAGE.CLASS:MODEL, found {name!r}",
        hint="for example openai:text-embedding-3-small, or any server with OpenAI's interface: openai:MODEL --base-url "
        "http://localhost:8000/v1",
    )
