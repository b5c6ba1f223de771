"""Passage vectors in an approximate index of FAISS, trained on a sample and memory-mapped, for corpora that no memory holds.

Which of an exact search's best it finds is measured, never assumed: ``eval --index`` searches with both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from embedtune.config.index_form import POINTS_A_CENTROID, IndexForm
from embedtune.errors import ConfigError, IntegrityError
from embedtune.project.vector_cache import VectorCache
from embedtune.retrieval.compact_vectors import Numbers
from embedtune.types import Matrix, Vectors

_SAMPLE = 50
"""Vectors a centroid that are trained on; more take time and hardly move a centroid."""

_BLOCK = 65_536  # vectors that are added at once
_RESCORED = 4  # candidates that are rescored for each vector wanted
_LEAST_RESCORED = 400

RECALL = 0.97
"""Share of the nearest ten that a search should find, where nobody says how much of an index it sees."""

_NEAREST = 10
_ASKED = 256  # vectors whose nearest are looked for
_SLACK = 0.005  # below the most that an index finds, where that is less than RECALL
_log = logging.getLogger("embedtune")


class ApproximateIndex(NamedTuple):
    """An index that is searched as FAISS's own are.

    Attributes:
        index: Of FAISS.
        vectors: In fp32, ``(n, dim)``, by which candidates are rescored; None where they are not.
        n_bytes: Size of its file, of which no more is in memory than searches touch.
        parameters: Of the search, by FAISS's names.
    """

    index: Any
    vectors: Vectors | None
    n_bytes: int
    parameters: dict[str, int]

    def search(self, queries: Vectors, k: int) -> tuple[Matrix, Numbers]:
        """Return cosines and numbers of the ``k`` nearest vectors that are found, best first; -1 where there is none.

        Cosines are those of what the index keeps, unless they are rescored.
        """
        if self.vectors is None:
            scores, numbers = self.index.search(queries, k)
            return scores, numbers
        depth = min(max(_RESCORED * k, _LEAST_RESCORED), len(self.vectors))
        _, numbers = self.index.search(queries, depth)
        scores = np.full(numbers.shape, -np.inf, dtype=np.float32)
        for row, found in enumerate(numbers):
            known = found >= 0
            scores[row, known] = self.vectors[found[known]] @ queries[row]
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(numbers, order, axis=1)


def check_index(form: IndexForm, dimension: int, n_vectors: int) -> None:
    """Refuse an index that cannot be built of so many vectors.

    Raises:
        ConfigError: If FAISS knows no such index, or there are too few vectors to train it.
    """
    _empty(form, dimension)
    if form.points > n_vectors:
        raise ConfigError(
            f"eval.index: expected {form.points:,} vectors to train {form.name}, found {n_vectors:,}",
            hint="ask for fewer lists, 39 vectors each, or for hnsw32, which is not trained",
        )


def build_index(form: IndexForm, vectors: Vectors, path: Path, seed: int = 0) -> dict[str, Any]:
    """Train an index on a sample of vectors, ``(n, dim)``, add all, and write it; ``vectors`` may be memory-mapped.

    Returns:
        ``parameters``, by which a search finds ``RECALL`` of the nearest ten of some of the vectors themselves, which are left
        out, at the least effort; and ``recall``, what it finds of them.

    Raises:
        ConfigError: As ``check_index``.
        OSError: If it cannot be written.
    """
    import faiss

    check_index(form, vectors.shape[1], len(vectors))
    index = _empty(form, vectors.shape[1])
    if not index.is_trained:
        size = min(len(vectors), max(_BLOCK, form.points // POINTS_A_CENTROID * _SAMPLE))
        chosen = np.sort(np.random.default_rng(seed).choice(len(vectors), size, replace=False))
        index.train(np.ascontiguousarray(vectors[chosen]))
    for start in range(0, len(vectors), _BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(str(error)) from error
    if form.effort is None:
        return {"parameters": {}}
    asked = np.sort(np.random.default_rng(seed).choice(len(vectors), min(_ASKED, len(vectors)), replace=False))
    name, least, most = form.effort
    recall_of = partial(_recall, form, path, vectors, asked, _nearest(vectors, asked))
    effort, recall = _least_effort(recall_of, least, most)
    return {"parameters": {name: effort}, "recall": round(recall, 4)}


def open_index(
    form: IndexForm, path: Path, vectors: Vectors, parameters: dict[str, int] | None = None
) -> ApproximateIndex:
    """Map the index at a path into memory; ``vectors`` are those that it was built of.

    ``parameters`` are what ``build_index`` chose; those of the form win.

    Raises:
        IntegrityError: If FAISS cannot read it, or it is an index of other vectors: a run of somebody else may hold anything.
    """
    import faiss

    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        chosen = {**(parameters or {}), **form.parameters}
        for name, value in chosen.items():
            faiss.ParameterSpace().set_index_parameter(index, name, value)
    except (RuntimeError, TypeError) as error:
        raise _not_of_these(path, vectors, "one that FAISS cannot use") from error
    shape = (index.ntotal, index.d)
    if shape != vectors.shape or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise _not_of_these(path, vectors, f"one of {shape[0]:,} vectors of {shape[1]} components")
    return ApproximateIndex(index, vectors if form.rescored else None, path.stat().st_size, chosen)


def _not_of_these(path: Path, vectors: Vectors, found: str) -> IntegrityError:
    n_vectors, dimension = vectors.shape
    return IntegrityError(
        f"{path}: expected an index of {n_vectors:,} vectors of {dimension} components by inner product, found {found}",
        hint=f"delete {path} and evaluate again, which builds it",
    )


def kept_index(form: IndexForm, cache: VectorCache, model: str, passages: str, vectors: Vectors) -> ApproximateIndex:
    """Return the index of a model's (hash's) vectors from a run's cache, built if it is not there.

    ``passages`` names the vectors in the cache; eval and serving find the same index by it.

    Raises:
        ConfigError: As ``check_index``.
        IntegrityError: As ``open_index``.
        ResourceError: If it cannot be written.
    """
    path, facts = cache.derived(
        [passages, model, form.factory, form.rescored], model, partial(build_index, form, vectors)
    )
    parameters, recall = facts.get("parameters"), facts.get("recall")
    if not isinstance(parameters, dict):
        raise _not_of_these(path, vectors, "one without its parameters")
    index = open_index(form, path, vectors, parameters)
    if index.parameters == parameters and isinstance(recall, float):
        named = ", ".join(f"{name}={value}" for name, value in index.parameters.items())
        words = "index %s: %s, by which it finds %.1f%% of the nearest ten of %d passages"
        _log.info(words, form.name, named, 100 * recall, min(_ASKED, len(vectors)))
    return index


def _least_effort(recall: Callable[[int], float], least: int, most: int) -> tuple[int, float]:
    """Return the smallest number from ``least`` to ``most`` that reaches ``RECALL``, and what it reaches.

    Where none does, it is the smallest that reaches nearly what the best does.
    """
    recall = cache(recall)
    tried = [least]
    while tried[-1] < most:
        tried.append(min(2 * tried[-1], most))
    wanted = RECALL
    if not any(recall(effort) >= wanted for effort in tried):
        wanted = max(map(recall, tried)) - _SLACK
    high = next(effort for effort in tried if recall(effort) >= wanted)
    low = max(high // 2, least - 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if recall(middle) >= wanted else (middle, high)
    return high, recall(high)


def _recall(
    form: IndexForm, path: Path, vectors: Vectors, asked: Numbers, wanted: list[set[int]], effort: int
) -> float:
    """Return the share of the nearest ten of some vectors, themselves left out, that a search with an effort finds."""
    assert form.effort is not None
    index = open_index(form._replace(parameters={form.effort[0]: effort}), path, vectors)
    _, found = index.search(np.ascontiguousarray(vectors[asked]), _NEAREST + 1)
    return float(
        np.mean([len({*row} & near) / max(1, len(near)) for row, near in zip(found.tolist(), wanted, strict=True)])
    )


def _nearest(vectors: Vectors, asked: Numbers) -> list[set[int]]:
    """Return the numbers of the nearest ten of some vectors by an exact search, themselves left out."""
    queries, depth = np.ascontiguousarray(vectors[asked]), min(_NEAREST, len(vectors) - 1)
    scores = np.empty((len(asked), 0), dtype=np.float32)
    numbers = np.empty((len(asked), 0), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        of_block = np.arange(start, start + len(block))
        found = np.where(of_block == asked[:, None], -np.inf, queries @ block.T)
        scores = np.hstack([scores, found])
        numbers = np.hstack([numbers, np.broadcast_to(of_block, found.shape)])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        scores, numbers = np.take_along_axis(scores, best, axis=1), np.take_along_axis(numbers, best, axis=1)
    return [set(row) for row in numbers.tolist()]


def _empty(form: IndexForm, dimension: int) -> Any:
    import faiss

    try:
        return faiss.index_factory(dimension, form.factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        reason = str(error).rsplit(": ", 1)[-1].strip()
        raise ConfigError(
            f"eval.index: expected an index of FAISS for {dimension} dimensions, found {form.name!r}: {reason}",
            hint="the number after pq must divide the dimensions; see the guidelines for indexes in FAISS's wiki",
        ) from error
