"""Runs of whole systems: dense by FAISS, BM25, and their fusions, over passages or over documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from embedtune.records import Passage, Run
from embedtune.retrieval.fusion import reciprocal_rank, z_score_sum
from embedtune.retrieval.index import DenseIndex
from embedtune.retrieval.windows import Windows

Matrix = NDArray[np.float32]

_BLOCK = 256  # queries whose scores of all passages are in memory at once


@dataclass(frozen=True)
class Units:
    """What a run names: every passage, or every document with its passages.

    Attributes:
        ids: Passage or document ids, in corpus order.
        first_passage: Index of each unit's first passage, ``(n_units,)``.
    """

    ids: list[str]
    first_passage: NDArray[np.int64]


def units_of(passages: Sequence[Passage], judges: str) -> Units:
    """Return passages (``judges="passage"``) or documents (``"document"``) as units; a document scores as its best passage."""
    if judges == "passage":
        return Units([passage.passage_id for passage in passages], np.arange(len(passages)))
    groups = [
        (document_id, next(members)[0])
        for document_id, members in groupby(enumerate(passages), key=lambda item: item[1].document_id)
    ]
    return Units([name for name, _ in groups], np.array([first for _, first in groups], dtype=np.int64))


def dense_run(
    query_ids: Sequence[str], queries: Matrix, vectors: Matrix, *, windows: Windows, units: Units, depth: int
) -> Run:
    """Search window vectors with FAISS; a unit scores as its best window."""
    return index_run(query_ids, queries, DenseIndex(vectors, windows.starts[units.first_passage]), units, depth)


def index_run(query_ids: Sequence[str], queries: Matrix, index: DenseIndex, units: Units, depth: int) -> Run:
    """Search an index of the units' windows that is kept from one call to the next."""
    found = index.search(queries, min(depth, len(units.ids)))
    return {
        query_id: {units.ids[unit]: score for unit, score in hits}
        for query_id, hits in zip(query_ids, found, strict=True)
    }


def lexical_run(query_ids: Sequence[str], lexical: Matrix, units: Units, depth: int) -> Run:
    """Return BM25's run; passages that share no term with a query are not returned."""
    return top_run(query_ids, lexical, units, depth, floor=0.0)


def fused_runs(
    query_ids: Sequence[str],
    queries: Matrix,
    vectors: Matrix,
    *,
    windows: Windows,
    lexical: Matrix,
    units: Units,
    depth: int,
    weight: float,
) -> tuple[Run, Run]:
    """Return the runs of the z-score sum and of reciprocal rank fusion; both fuse passages, then units take their best."""
    summed: Run = {}
    ranked: Run = {}
    for start, dense in dense_blocks(queries, vectors, windows):
        block = slice(start, start + len(dense))
        summed |= top_run(query_ids[block], z_score_sum(dense, lexical[block], weight), units, depth)
        ranked |= top_run(query_ids[block], reciprocal_rank(dense, lexical[block]), units, depth)
    return summed, ranked


def dense_blocks(queries: Matrix, vectors: Matrix, windows: Windows) -> Iterator[tuple[int, Matrix]]:
    """Yield the first query's number and the scores of all passages, a block of queries at a time."""
    for start in range(0, len(queries), _BLOCK):
        yield start, windows.best(queries[start : start + _BLOCK] @ vectors.T)


def top_run(query_ids: Sequence[str], scores: Matrix, units: Units, depth: int, floor: float = -np.inf) -> Run:
    """Return the best units of each row of scores of all passages, ``(n_queries, n_passages)``, those above ``floor`` only."""
    by_unit = np.maximum.reduceat(scores, units.first_passage, axis=1)
    depth = min(depth, by_unit.shape[1])
    best = np.argpartition(-by_unit, depth - 1, axis=1)[:, :depth]
    return {
        query_id: {units.ids[unit]: float(row[unit]) for unit in columns if row[unit] > floor}
        for query_id, row, columns in zip(query_ids, by_unit, best.tolist(), strict=True)
    }
