"""Passage vectors in an approximate index of FAISS, trained on a sample and memory-mapped, for corpora that no memory holds.

Which of an exact search's best it finds is measured, never assumed: ``eval --index`` searches with both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from embedtune.config.index_form import POINTS_A_CENTROID, IndexForm
from embedtune.errors import ConfigError
from embedtune.retrieval.compact_vectors import Numbers
from embedtune.types import Matrix, Vectors

_SAMPLE = 50
"""Vectors a centroid that are trained on; more take time and hardly move a centroid."""

_BLOCK = 65_536  # vectors that are added at once
_RESCORED = 4  # candidates that are rescored for each vector wanted
_LEAST_RESCORED = 400


class ApproximateIndex(NamedTuple):
    """An index that is searched as FAISS's own are.

    Attributes:
        index: Of FAISS.
        vectors: In fp32, ``(n, dim)``, by which candidates are rescored; None where they are not.
        n_bytes: Size of its file, of which no more is in memory than searches touch.
    """

    index: Any
    vectors: Vectors | None
    n_bytes: int

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


def build_index(form: IndexForm, vectors: Vectors, path: Path, seed: int = 0) -> None:
    """Train an index on a sample of vectors, ``(n, dim)``, add all, and write it; ``vectors`` may be memory-mapped.

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


def open_index(form: IndexForm, path: Path, vectors: Vectors) -> ApproximateIndex:
    """Map the index at a path into memory; ``vectors`` are those that it was built of."""
    import faiss

    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    for name, value in form.parameters.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    return ApproximateIndex(index, vectors if form.rescored else None, path.stat().st_size)


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
