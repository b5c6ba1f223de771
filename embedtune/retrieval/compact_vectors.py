"""Passage vectors of fewer bits: int8 or one bit a component, or the first components alone, and what searching them finds.

In int8 each component is rounded to one of 256 values between the least and the largest of that component over all passages,
and read back to be compared with the query in fp32: an inner product of the codes themselves orders nothing. One bit keeps the
sign, and passages are compared by the Hamming distance to the signs of a query. Rescoring compares the best with the vectors
of passages in fp32, which may lie on a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import ConfigError
from embedtune.types import Matrix, Vectors

_STEPS = 255
_BLOCK = 256  # queries that are scored at once

Numbers = NDArray[np.int64]


def rounded_to_int8(vectors: Vectors) -> Vectors:
    """Return what int8 keeps of vectors, ``(n, dim)``, read back as fp32; a component is off by 1/510 of its range at most."""
    low = vectors.min(axis=0)
    step = (vectors.max(axis=0) - low) / _STEPS
    codes = np.rint((vectors - low) / np.where(step > 0, step, 1))
    kept: Vectors = (low + codes * step).astype(np.float32)
    return kept


def shortened(vectors: Vectors, dimensions: int) -> Vectors:
    """Return the first components of vectors, ``(n, dimensions)``, of unit length (Matryoshka, Kusupati et al. 2022)."""
    kept = vectors[:, :dimensions]
    unit: Vectors = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
    return unit


def in_form(form: str, queries: Vectors, documents: Vectors) -> tuple[Vectors, Vectors]:
    """Return queries and documents, ``(n, dim)`` each, whose inner products are the scores by a form of the documents' vectors.

    Args:
        form: A number of dimensions; ``int8``; or ``binary``, signs that are compared with queries in fp32.
        queries: Unit vectors.
        documents: The same.

    Raises:
        ConfigError: If the vectors have fewer dimensions.
    """
    if form == "int8":
        return queries, rounded_to_int8(documents)
    if form == "binary":
        return queries, _signs(documents) / np.float32(documents.shape[1] ** 0.5)
    if int(form) > documents.shape[1]:
        raise ConfigError(f"eval.vectors: expected at most {documents.shape[1]} dimensions, found {form}")
    return shortened(queries, int(form)), shortened(documents, int(form))


def search_compact(
    queries: Vectors, documents: Vectors, precision: str, *, depth: int, rescored: bool
) -> tuple[Matrix, Numbers]:
    """Search documents whose vectors are kept in fewer bits.

    Args:
        queries: Unit vectors in fp32, ``(n_queries, dim)``.
        documents: The same of documents, ``(n_documents, dim)``.
        precision: ``int8`` or ``binary``.
        depth: Documents to find for each query, all of them at most.
        rescored: Whether the best are scored again with their vectors in fp32.

    Returns:
        Scores and numbers of documents, best first, ``(n_queries, depth)`` each. Scores are cosines, or where bits are not
        rescored, shares of equal signs.
    """
    depth = min(depth, len(documents))
    score = _SCORERS[precision](documents)
    all_scores, all_numbers = [], []
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        scores = score(block)
        numbers = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        found = np.take_along_axis(scores, numbers, axis=1)
        if rescored:
            found = np.einsum("qd,qkd->qk", block, documents[numbers])
            order = np.argsort(-found, axis=1, kind="stable")
            found, numbers = np.take_along_axis(found, order, axis=1), np.take_along_axis(numbers, order, axis=1)
        all_scores.append(found)
        all_numbers.append(numbers)
    return np.concatenate(all_scores), np.concatenate(all_numbers)


def _of_int8(documents: Vectors) -> Callable[[Vectors], Matrix]:
    kept = rounded_to_int8(documents)
    return lambda queries: queries @ kept.T


def _of_signs(documents: Vectors) -> Callable[[Vectors], Matrix]:
    kept = _signs(documents)

    def score(queries: Vectors) -> Matrix:
        equal: Matrix = (_signs(queries) @ kept.T / kept.shape[1] + 1) / 2
        return equal

    return score


def _signs(vectors: Vectors) -> Vectors:
    return np.where(vectors > 0, np.float32(1), np.float32(-1))


_SCORERS: Mapping[str, Callable[[Vectors], Callable[[Vectors], Matrix]]] = {"int8": _of_int8, "binary": _of_signs}
