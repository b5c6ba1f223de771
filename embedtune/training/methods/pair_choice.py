"""Which pairs of queries and passages both sides are trained on, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from embedtune.training.methods.data import TrainingData
from embedtune.training.pairs import Pair, build_pairs
from embedtune.types import Query


def choose_pairs(data: TrainingData) -> list[Pair]:
    """Return the pairs to train on: a random sample, or those of judged queries first, and synthetic ones beside them."""
    if data.updated and not data.is_judged:
        return _with_replay(data)
    if not data.is_judged:
        return _sample(data, data.dataset.splits["train"].queries, data.config.max_pairs)
    judged = _judged_pairs(data)
    synthetic = [query for query in data.dataset.splits["train"].queries if not query.came_with_label]
    return judged + _sample(data, synthetic, data.config.synthetic_pairs)


def weigh_pairs(data: TrainingData, pairs: Sequence[Pair]) -> list[float]:
    """Return the weight of each pair: its grade divided by the query's highest; synthetic beside judged queries count less."""
    relevance = {query_id: data.relevance_of(query_id) for query_id in {pair.query_id for pair in pairs}}
    of_kind = {
        query.query_id: 1.0 if query.came_with_label or not data.is_judged else data.config.synthetic_weight
        for query in data.dataset.splits["train"].queries
    }
    return [of_kind[pair.query_id] * relevance[pair.query_id][pair.passage] for pair in pairs]


def _sample(data: TrainingData, queries: Sequence[Query], most: int | None) -> list[Pair]:
    if most == 0:
        return []
    pairs = _build(data, queries, data.relevant)
    if most is None or len(pairs) <= most:
        return pairs
    kept = np.random.default_rng(data.config.seed).choice(len(pairs), most, replace=False)
    return [pairs[number] for number in sorted(kept)]


def _with_replay(data: TrainingData) -> list[Pair]:
    """Pair the queries of documents that are new, and so many of the others that nothing is forgotten."""
    updated, new, earlier = frozenset(data.updated), list[Query](), list[Query]()
    for query in data.dataset.splits["train"].queries:
        of = {data.dataset.passages[number].document_id for number in data.relevant[query.query_id]}
        (new if of & updated else earlier).append(query)
    pairs = _sample(data, new, data.config.max_pairs)
    return pairs + _sample(data, earlier, round(data.config.replay * len(pairs)) if pairs else data.config.max_pairs)


def _judged_pairs(data: TrainingData) -> list[Pair]:
    """Pair each query with its best-graded passages: a first one for every query, then a second, up to ``max_pairs``."""
    qrels = data.dataset.splits["train"].qrels
    draw = np.random.default_rng(data.config.seed)
    queries = data.sample_queries()
    order = [queries[number] for number in draw.permutation(len(queries)).tolist()]
    ranked = {query.query_id: _by_grade(data, qrels[query.query_id], draw) for query in order}
    turns = sorted((turn, row) for row, query in enumerate(order) for turn in range(len(ranked[query.query_id])))
    chosen: dict[str, list[int]] = {query.query_id: [] for query in order}
    for turn, row in turns[: data.config.max_pairs]:
        chosen[order[row].query_id].append(ranked[order[row].query_id][turn])
    return _build(data, order, chosen)


def _by_grade(data: TrainingData, judged: Mapping[str, int], draw: np.random.Generator) -> list[int]:
    """Return the relevant passages of a query, the highest grades first; equals are shuffled."""
    graded = [(-grade, draw.random(), data.number_of[name]) for name, grade in judged.items() if grade > 0]
    return [number for *_, number in sorted(graded)]


def _build(data: TrainingData, queries: Sequence[Query], passages: Mapping[str, Sequence[int]]) -> list[Pair]:
    return build_pairs(
        queries,
        passages,
        data.dataset.passages,
        data.windows,
        sentence_dropout=data.config.sentence_dropout,
        seed=data.config.seed,
    )
