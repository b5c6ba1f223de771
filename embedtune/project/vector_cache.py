"""Passage vectors of a run's models, cached in its folder: train, eval and serving share them, and encoding takes minutes.

It may be deleted at any time; an entry is used only if its hash is right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from embedtune.errors import InUseError, ResourceError
from embedtune.processes import from_first, is_first
from embedtune.project.layout import VECTORS
from embedtune.project.lock import lock_run
from embedtune.project.manifest import sync, write_json
from embedtune.project.writing import writing
from embedtune.regular import read_json
from embedtune.text.hashing import hash_file, hash_json
from embedtune.types import TextEncoder, Vectors

_PART = 32_768  # texts that are encoded before their vectors are kept
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


class KnownSearch(NamedTuple):
    """What answers the queries of an evaluation without its model: unit vectors of queries by text, and of all windows.

    ``starts`` are the numbers of the first window of each passage; ``name`` is that of the passages in the cache. They are
    mapped: no more of them is in memory than searches touch.
    """

    queries: Mapping[str, Vectors]
    passages: Vectors
    starts: Sequence[int]
    name: str


class Derived(NamedTuple):
    """A file that was made of vectors, and what its making told."""

    path: Path
    facts: dict[str, Any]


class VectorCache:
    """The vectors of one run folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when there is something to keep."""
        self._folder = folder

    def documents(
        self, encoder: CachedEncoder, model: str, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Return unit vectors ``(n, dim)`` of passages or windows, from the disk if those of this model (hash) are there."""
        found = from_first(lambda: self.find(encoder, model, texts))
        if found is None:
            found = self._encoded(encoder, model, texts, on_progress)
            self.keep(encoder, model, texts, found)
        elif on_progress:
            on_progress(len(set(texts)))
        return found

    def _encoded(
        self, encoder: CachedEncoder, model: str, texts: Sequence[str], on_progress: Callable[[int], None] | None
    ) -> Vectors:
        """Encode texts; many in parts that are kept, so that whoever is ended goes on after the last of them."""
        unique = list(dict.fromkeys(texts))
        if len(unique) <= _PART:
            return encoder.encode_documents(texts, on_progress)
        parts = [unique[start : start + _PART] for start in range(0, len(unique), _PART)]
        vectors = np.concatenate([self.documents(encoder, model, part, on_progress) for part in parts])
        for part in parts if is_first() else ():
            for suffix in (".npy", ".json"):
                self.path(encoder, model, part).with_suffix(suffix).unlink(missing_ok=True)
        row = {text: number for number, text in enumerate(unique)}
        return vectors[[row[text] for text in texts]]

    def find(self, encoder: CachedEncoder, model: str, texts: Sequence[str]) -> Vectors | None:
        """Return what is there, or None; nothing is encoded or written."""
        found = _read(self.path(encoder, model, texts))
        return found and found[0]

    def keep(self, encoder: CachedEncoder, model: str, texts: Sequence[str], vectors: Vectors) -> None:
        """Write vectors; whoever calls holds the run folder."""
        _write(self.path(encoder, model, texts), vectors, {"model": model})

    def keep_search(
        self, name: str, model: str, queries: Mapping[str, Vectors], passages: Path, starts: Sequence[int]
    ) -> None:
        """Write the query vectors of an evaluation, and how to find the passage vectors at a path without a tokenizer."""
        if queries:
            facts = {"model": model, "texts": list(queries), "passages": passages.name, "starts": list(starts)}
            _write(self._folder / f"{name[:32]}.npy", np.stack(list(queries.values())), facts)

    def find_search(self, name: str) -> KnownSearch | None:
        """Return what ``keep_search`` wrote, if the passage vectors are still there."""
        if (found := _read(self._folder / f"{name[:32]}.npy")) is None:
            return None
        queries, facts = found
        passages = _read(self._folder / facts["passages"], mapped=True)
        known = dict(zip(facts["texts"], queries, strict=True))
        return passages and KnownSearch(known, passages[0], facts["starts"], facts["passages"])

    def derived(self, key: object, model: str, build: Callable[[Path], dict[str, Any]]) -> Derived:
        """Return a file that is made of vectors of a model (hash), such as an index of them; it is built unless it is there.

        ``build`` returns what is to be known of it, as JSON has it.

        Raises:
            ResourceError: If it cannot be written.
        """
        path = self._folder / f"{hash_json(key)[:32]}.derived"
        with suppress(OSError, ValueError, KeyError, TypeError):
            record = read_json(path.with_suffix(".json"))
            if hash_file(path) == record["sha256"]:
                return Derived(path, dict(record["facts"]))
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            try:
                facts = build(part)
                sync(part)
                part.rename(path)
            finally:
                part.unlink(missing_ok=True)
            write_json(path.with_suffix(".json"), {"sha256": hash_file(path), "model": model, "facts": facts})
        return Derived(path, facts)

    def prune(self, models: Collection[str]) -> None:
        """Delete the vectors of all models (hashes) but these: those of earlier trainings."""
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError):
                if read_json(path).get("model") not in models:
                    for each in self._folder.glob(f"{path.stem}.*"):
                        each.unlink()

    def path(self, encoder: CachedEncoder, model: str, texts: Sequence[str]) -> Path:
        """Return the file of these vectors."""
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


def _read(path: Path, *, mapped: bool = False) -> tuple[Vectors, dict[str, Any]] | None:
    """Return vectors, in memory or mapped into it, and their record; None if there are none, or not these."""
    try:
        record = read_json(path.with_suffix(".json"))
        if hash_file(path) != record["sha256"]:
            raise ValueError("its bytes do not fit its record")
        vectors: Vectors = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        return vectors, record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: not whole, encoded again: %s", path, error)
        return None


def _write(path: Path, vectors: Vectors, facts: Mapping[str, object]) -> None:
    """Keep vectors, the record last; a disk that refuses costs time later and nothing else."""
    if not is_first():
        return
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.save(file, vectors)
        sync(part)
        part.rename(path)
        write_json(path.with_suffix(".json"), {"sha256": hash_file(path), **facts})
    except OSError as error:
        _log.warning("%s: not kept: %s", path, error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
