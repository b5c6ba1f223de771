"""Runs of whole systems: dense by FAISS, BM25, and their fusions, over passages or over documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedtune.retrieval.dense import DenseIndex
from embedtune.retrieval.fusion import reciprocal_rank, z_score_sum
from embedtune.retrieval.late_interaction import Candidates, blend, shift
from embedtune.retrieval.windows import Windows
from embedtune.types import Matrix, Passage, Run

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


class FusedRuns(NamedTuple):
    """What a dense model and BM25 find together.

    Attributes:
        summed: The run of the z-score sum.
        ranked: The run of reciprocal rank fusion.
        best: Of each query the best passages by the z-score sum, as many as were asked for; empty if none were.
    """

    summed: Run
    ranked: Run
    best: list[Candidates]


def units_of(passages: Sequence[Passage], judged_unit: str) -> Units:
    """Return passages (``"passage"``) or documents (``"document"``) as units; a document scores as its best passage."""
    if judged_unit == "passage":
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
    n_best: int = 0,
) -> FusedRuns:
    """Fuse passages, then let units take their best.

    Args:
        query_ids: Ids.
        queries: Their vectors, ``(n_queries, dim)``.
        vectors: Of all windows, ``(n_windows, dim)``.
        windows: Which of them belong to which passage.
        lexical: BM25's scores, ``(n_queries, n_passages)``.
        units: What the runs name.
        depth: Units for each query.
        weight: Of the dense side in the z-score sum.
        n_best: Passages of each query that are returned beside the runs; 0 for none.
    """
    summed: Run = {}
    ranked: Run = {}
    best: list[Candidates] = []
    for start, dense in dense_blocks(queries, vectors, windows):
        block = slice(start, start + len(dense))
        scores = z_score_sum(dense, lexical[block], weight)
        summed |= top_run(query_ids[block], scores, units, depth)
        ranked |= top_run(query_ids[block], reciprocal_rank(dense, lexical[block]), units, depth)
        if n_best:
            best += [_best_of(row, n_best) for row in scores]
    return FusedRuns(summed, ranked, best)


def reranked_run(
    query_ids: Sequence[str],
    run: Run,
    best: Sequence[Candidates],
    matches: Sequence[Mapping[int, float]],
    units: Units,
    weight: float,
) -> Run:
    """Return a run whose best passages stand in a new order; the others follow in the old one.

    Args:
        query_ids: Ids.
        run: What was found.
        best: Of each query, the passages to reorder: the best of those that ``run`` comes from.
        matches: Of each query, how well each of these passages matches.
        units: What the run names; a document scores as its best passage.
        weight: Of the matches, see ``late_interaction.blend``.
    """
    reranked: Run = {}
    for query_id, found, matched in zip(query_ids, best, matches, strict=True):
        new = blend(found.scores, np.array([matched[passage] for passage in found.passages], dtype=np.float32), weight)
        numbers = np.searchsorted(units.first_passage, found.passages, side="right") - 1
        row: dict[str, float] = {}
        for number, score in zip(numbers.tolist(), new.tolist(), strict=True):
            row[units.ids[number]] = max(score, row.get(units.ids[number], -np.inf))
        moved = shift(found.scores, new)
        reranked[query_id] = {unit: score + moved for unit, score in run[query_id].items()} | row
    return reranked


def _best_of(scores: Matrix, n: int) -> Candidates:
    n = min(n, len(scores))
    best = np.argpartition(-scores, n - 1)[:n]
    best = best[np.argsort(-scores[best], kind="stable")]
    return Candidates(best.tolist(), scores[best])


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
