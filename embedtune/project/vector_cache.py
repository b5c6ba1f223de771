"""Passage vectors of a run's models, cached in its folder: train, eval and serving share them, and encoding takes minutes.

It may be deleted at any time; an entry is used only if its hash is right.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from embedtune.errors import InUseError, ResourceError
from embedtune.project.layout import VECTORS
from embedtune.project.lock import lock_run
from embedtune.project.manifest import sync, write_json
from embedtune.text.hashing import hash_file, hash_json
from embedtune.types import TextEncoder, Vectors

_log = logging.getLogger("embedtune")


class CachedEncoder(TextEncoder, Protocol):
    """An encoder whose vectors can be cached: it says what they depend on besides the model's files."""

    @property
    def precision(self) -> str:
        """``fp32`` or ``bf16``."""
        ...

    @property
    def document_prompt(self) -> str | None:
        """Text in front of every passage."""
        ...


class VectorCache:
    """The vectors of one run folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when there is something to keep."""
        self._folder = folder

    def documents(
        self, encoder: CachedEncoder, model: str, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Return unit vectors ``(n, dim)`` of passages or windows, from the disk if they are there.

        Args:
            encoder: Encodes what is not there.
            model: Hash of the model's files.
            texts: What is encoded.
            on_progress: Hears how many texts more are done.
        """
        found = self.find(encoder, model, texts)
        if found is None:
            found = encoder.encode_documents(texts, on_progress)
            self.keep(encoder, model, texts, found)
        elif on_progress:
            on_progress(len(set(texts)))
        return found

    def find(self, encoder: CachedEncoder, model: str, texts: Sequence[str]) -> Vectors | None:
        """Return what is there, or None; nothing is encoded or written."""
        return _read(self._path(encoder, model, texts))

    def keep(self, encoder: CachedEncoder, model: str, texts: Sequence[str], vectors: Vectors) -> None:
        """Write vectors; whoever calls holds the run folder."""
        _write(self._path(encoder, model, texts), vectors)

    def _path(self, encoder: CachedEncoder, model: str, texts: Sequence[str]) -> Path:
        key = hash_json([model, encoder.precision, encoder.document_prompt, list(texts)])
        return self._folder / f"{key[:32]}.npy"


def vectors_of_run(
    run: Path,
    encoder: CachedEncoder,
    model: str,
    texts: Sequence[str],
    on_progress: Callable[[int], None] | None = None,
) -> Vectors:
    """Return what the cache of a run has; anything else is encoded, and kept if the run folder is free and can be written.

    For readers of a finished run: they neither wait for the stage that works in it nor need the right to write there.
    """
    cache = VectorCache(run / VECTORS)
    found = cache.find(encoder, model, texts)
    if found is not None:
        return found
    vectors = encoder.encode_documents(texts, on_progress)
    with suppress(InUseError, ResourceError), lock_run(run):
        cache.keep(encoder, model, texts, vectors)
    return vectors


def _read(path: Path) -> Vectors | None:
    try:
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if hash_file(path) != record["sha256"]:
            raise ValueError("its bytes do not fit its record")
        vectors: Vectors = np.load(path, allow_pickle=False)
        return vectors
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: not whole, encoded again: %s", path, error)
        return None


def _write(path: Path, vectors: Vectors) -> None:
    """Keep vectors, the record last; a disk that refuses costs time later and nothing else."""
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.save(file, vectors)
        sync(part)
        part.rename(path)
        write_json(path.with_suffix(".json"), {"sha256": hash_file(path)})
    except OSError as error:
        _log.warning("%s: not kept: %s", path, error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
