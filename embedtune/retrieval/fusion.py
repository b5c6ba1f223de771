"""Dense and lexical scores together.

A vector store returns the head of a ranking, and the mean and spread of a head are not those of the whole corpus. So over a
store both sides are cut to lists of one length, each is standardised over its own list, and a passage that a list does not have
counts as the last one that it has. Lists as long as the corpus give what whole matrices give; shorter ones nearly so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import ConfigError
from embedtune.formats.run_files import as_run, ranked
from embedtune.types import Matrix, Run

WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Weights of the dense side that are tried on dev."""

DEFAULT_WEIGHT = 0.7
"""The weight of the dense side where none was chosen on dev: people's queries rarely need more weight on their words."""

RRF_K = 60
_TINY = 1e-6


def z_scores(scores: Matrix) -> Matrix:
    """Standardise each query's scores over all passages, ``(n_queries, n_passages)``; constant rows become 0."""
    mean = scores.mean(axis=1, keepdims=True)
    spread = scores.std(axis=1, keepdims=True)
    # Rounding gives a constant row a tiny spread; dividing by it would make scores out of nothing.
    constant = spread <= _TINY * np.maximum(1, np.abs(mean))
    result: Matrix = np.where(constant, 0, (scores - mean) / np.where(constant, 1, spread)).astype(np.float32)
    return result


def z_score_sum(dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
    """Return ``weight · z(dense) + (1 − weight) · z(lexical)``; 0.5 ranks like the plain sum."""
    fused: Matrix = weight * z_scores(dense) + (1 - weight) * z_scores(lexical)
    return fused


def reciprocal_rank(dense: Matrix, lexical: Matrix) -> Matrix:
    """Fuse by reciprocal rank with k = 60 (Cormack, Clarke and Büttcher 2009); it has no weight to choose.

    Passages that share no term with the query have no lexical rank and get nothing from that side; those whose dense score
    is -inf, because they were not found, get nothing from the other.
    """
    by_meaning = np.where(dense > -np.inf, 1 / (RRF_K + _ranks(dense)), 0)
    by_words = np.where(lexical > 0, 1 / (RRF_K + _ranks(lexical)), 0)
    return (by_meaning + by_words).astype(np.float32)


class Parts(NamedTuple):
    """The ranks of a passage in what a system fuses; None for a side that the system does not use or that missed it.

    Attributes:
        dense: Rank by the model, from 1.
        lexical: Rank by BM25, from 1; None where passage and query share no term.
    """

    dense: int | None
    lexical: int | None


class PassageScores:
    """The scores of all passages for some queries, by meaning and by words, each computed when it is first used."""

    def __init__(
        self,
        dense: Callable[[], Matrix],
        lexical: Callable[[], Matrix],
        weight: float = DEFAULT_WEIGHT,
        list_depth: int | None = None,
    ) -> None:
        """Take both sides, each ``(n_queries, n_passages)``, with a cosine of -inf where a passage was not found.

        ``weight`` is that of the dense side in the sum of z-scores, in [0, 1]. Where ``dense`` does not score all passages,
        ``list_depth`` of either side are fused.
        """
        self._sides = (dense, lexical)
        self._weight = weight
        self._list_depth = list_depth

    @cached_property
    def dense(self) -> Matrix:
        """Cosines, ``(n_queries, n_passages)``."""
        return self._sides[0]()

    @cached_property
    def lexical(self) -> Matrix:
        """BM25's scores, ``(n_queries, n_passages)``; 0 where no term is shared."""
        return self._sides[1]()

    @cached_property
    def z_score_sum(self) -> Matrix:
        """See ``z_score_sum``; over lists, -inf where neither list has a passage."""
        return (z_score_sum if self._list_depth is None else listed_sum)(*self._lists, self._weight)

    @cached_property
    def reciprocal_rank(self) -> Matrix:
        """See ``reciprocal_rank``."""
        return reciprocal_rank(*self._lists)

    def parts(self, query: int, passage: int) -> Parts:
        """Return the ranks of a passage by those sides that were used."""
        computed = vars(self)
        return Parts(
            _rank(self.dense[query], passage) if "dense" in computed else None,
            _rank(self.lexical[query], passage, floor=0.0) if "lexical" in computed else None,
        )

    @property
    def _lists(self) -> tuple[Matrix, Matrix]:
        return cut_to(self.dense, self._list_depth), cut_to(self.lexical, self._list_depth)


def cut_to(scores: Matrix, depth: int | None) -> Matrix:
    """Return scores with -inf for all but the best ``depth`` of each row; of equal ones the first stay, None keeps all."""
    if depth is None or depth >= scores.shape[1]:
        return scores
    cut = np.full_like(scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    np.put_along_axis(cut, best, np.take_along_axis(scores, best, axis=1), axis=1)
    return cut


def listed_sum(dense: Matrix, lexical: Matrix, weight: float) -> Matrix:
    """Return ``z_score_sum`` over what is listed, ``(n_queries, n_passages)``; -inf where neither list has a passage."""
    fused = weight * _listed_z_scores(dense) + (1 - weight) * _listed_z_scores(lexical)
    nowhere = np.isneginf(dense) & np.isneginf(lexical)
    result: Matrix = np.where(nowhere, -np.inf, fused).astype(np.float32)
    return result


def _listed_z_scores(scores: Matrix) -> Matrix:
    """Return z-scores over what is listed in each row; the lowest of them for the rest."""
    rows = np.where(scores > -np.inf, scores, np.float32(0))
    for row, listed in zip(rows, scores > -np.inf, strict=True):
        if listed.any():
            standardised = z_scores(row[None, listed])[0]
            row[:] = standardised.min()
            row[listed] = standardised
    return rows


def _rank(scores: Matrix, passage: int, floor: float = -np.inf) -> int | None:
    return 1 + int(np.count_nonzero(scores > scores[passage])) if scores[passage] > floor else None


def _ranks(scores: Matrix) -> NDArray[np.int64]:
    """Return ranks from 1 by falling score."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return ranks


def fuse(
    runs: Sequence[Any],
    method: Literal["rrf", "z-score"] = "rrf",
    *,
    weight: float | Sequence[float] | None = None,
    k: int = RRF_K,
    depth: int | None = None,
) -> Run:
    """Fuse the runs of several systems into one.

    ``rrf`` adds ``weight / (k + rank)`` (Cormack, Clarke and Büttcher 2009), ranks from 1, equal scores by falling id.
    ``z-score`` standardises each query's scores within a run and adds ``weight · z``; a document that a run has not returned
    gets that run's lowest score. ``HybridSearcher`` does the same with the scores of all passages, which runs no longer have.

    Args:
        runs: Two or more, each as ``compare`` takes them: dictionaries, TREC run files, or objects of ir_measures.
        method: ``rrf`` or ``z-score``.
        weight: Of the first of two runs, in [0, 1], the other has the rest; or one for each run; None weighs all alike.
        k: Of ``rrf``: the larger, the less the first ranks count.
        depth: Documents of each query that are kept; None keeps all.

    Returns:
        Query id → document id → score, of every query that any run has, documents by falling score.

    Raises:
        ConfigError: If the method is unknown, or the weights do not fit the runs.
        DataError: If a run cannot be read.

    Examples:
        >>> dense = {"q1": {"a": 0.9, "b": 0.8, "c": 0.1}}
        >>> bm25 = {"q1": {"b": 7.1, "c": 2.0}}
        >>> list(fuse([dense, bm25])["q1"])
        ['b', 'c', 'a']
        >>> list(fuse([dense, bm25], "z-score", weight=0.9)["q1"])
        ['a', 'b', 'c']
    """
    tables = [as_run(run) for run in runs]
    weights = _weights(weight, len(tables))
    if method not in ("rrf", "z-score"):
        raise ConfigError(f"method: expected 'rrf' or 'z-score', found {method!r}")
    fused: Run = {}
    for query in dict.fromkeys(name for table in tables for name in table):
        rows = [table.get(query, {}) for table in tables]
        scores = dict.fromkeys((name for row in rows for name in row), 0.0)
        for row, share in zip(rows, weights, strict=True):
            if method == "rrf":
                values, missing = {name: 1 / (k + rank) for rank, (name, _) in enumerate(ranked(row), start=1)}, 0.0
            else:
                standardised = z_scores(np.array([list(row.values())], dtype=np.float32))[0].tolist() if row else []
                values, missing = dict(zip(row, standardised, strict=True)), min(standardised, default=0.0)
            for name in scores:
                scores[name] += share * values.get(name, missing)
        fused[query] = dict(ranked(scores)[:depth])
    return fused


def _weights(weight: float | Sequence[float] | None, n_runs: int) -> Sequence[float]:
    weights = [1.0] * n_runs if weight is None else [weight, 1 - weight] if isinstance(weight, int | float) else weight
    if len(weights) != n_runs or min(weights, default=-1.0) < 0:
        raise ConfigError(
            f"weight: expected a number from 0 to 1 for two runs, or one of at least 0 for each of {n_runs} runs, "
            f"found {weight!r}"
        )
    return weights
