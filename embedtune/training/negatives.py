"""Hard negatives: passages that look like an answer and are none, for training with a loss that takes such columns.

The miner of sentence-transformers (``sentence_transformers.util.mine_hard_negatives``) is not used: it searches by meaning
alone, so what only words find stays out; it knows no documents, judgements or near-duplicates, and of its answers it excludes
equal texts alone; and as rows of several columns it gives only queries that have enough negatives within the margin.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedtune.config.settings import NegativesConfig
from embedtune.documents.near_duplicates import group_same_passages
from embedtune.errors import ConfigError, DataError
from embedtune.models.cross_encoder import load_cross_encoder
from embedtune.models.encoder import Encoder, opened_model
from embedtune.progress import track
from embedtune.quiet import quiet_libraries
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.retrieval.searcher import HybridSearcher, PassageVectors, Searcher
from embedtune.retrieval.windows import relevant_passages
from embedtune.text.hashing import fingerprint
from embedtune.training.pairs import build_pairs, conflict_keys
from embedtune.types import Matrix, Passage, Query, QuerySet, TextEncoder, Vectors

if TYPE_CHECKING:
    from datasets import Dataset as Rows
    from sentence_transformers import SentenceTransformer

    from embedtune.dataset import Dataset

_log = logging.getLogger("embedtune")

Sampling = Literal["top", "random", "rank"]
MarginBelow = Literal["best", "least"]
Columns = Sequence[Sequence[int]]
"""Passages of each query, as columns of its scores."""
Table = NDArray[np.int64]
"""Passages of each query, ``(n_queries, n)``; -1 where there is none."""
Guide = Callable[[list[tuple[str, str]]], Any]
"""Pairs of query and passage → a score of each, higher where the passage answers better."""


def select_negatives(
    scores: Matrix,
    relevant: Columns,
    excluded: Columns = (),
    *,
    given: Columns = (),
    others: Sequence[Matrix] = (),
    num_negatives: int = 2,
    relative_margin: float = 0.1,
    margin_below: MarginBelow = "best",
    depth: int = 50,
    sampling: Sampling = "rank",
    guide: Callable[[Table, Table], NDArray[Any]] | None = None,
    seed: int | np.random.Generator = 0,
) -> Table:
    """Choose hard negatives by scores of all passages; it loads nothing, so it can be called after each epoch.

    Candidates are the best passages by any of the scores, in the order of their best rank. They stay if they score below the
    margin: TopK-PercPos of NV-Retriever (Moreira et al. 2024), but with scores counted from the mean of the query's, as all
    cosines of an E5 lie between 0.7 and 1: 95 % of an answer's cosine is that of a random passage there. Where too few stay,
    lower-ranked passages follow: the best below the margin, then the worst above it.

    Args:
        scores: Of the model, ``(n_queries, n_passages)``, higher is better; the margin is tested on them.
        relevant: Relevant passages of each query, one or more; a query without any has no margin.
        excluded: Further passages that may not be a negative of each query.
        given: Passages that were judged not relevant: they come first, whatever they score.
        others: More scores of this shape that bring candidates, such as BM25's; -inf means not found.
        num_negatives: Negatives of each query.
        relative_margin: A negative scores at most (1 - margin) times what the relevant passage of ``margin_below`` scores,
            both counted from the mean of the query's scores; a guide's scores are taken as they are.
        margin_below: The relevant passage that scores ``best``, as in sentence-transformers, or ``least``: where some of many
            are far from the query, ``least`` leaves easy negatives alone.
        depth: Best passages by each of the scores that are candidates.
        sampling: ``top`` takes the first candidates, ``random`` any of them, ``rank`` the n-th with a weight of 1/n.
        guide: Scores pairs, rows and columns ``(n,)`` → ``(n,)``; the margin is then tested on its scores.
        seed: Of the sampling; a generator goes on where the last call ended.

    Returns:
        Columns of the negatives, ``(n_queries, num_negatives)``; -1 where no passage is left.

    Examples:
        >>> scores = np.array([[0.9, 0.88, 0.7, 0.6, 0.1]], dtype=np.float32)
        >>> select_negatives(scores, relevant=[[0]], sampling="top")
        array([[2, 3]])
        >>> select_negatives(scores, relevant=[[0]], excluded=[[2]], given=[[4]], sampling="top")
        array([[4, 3]])
    """
    draw = np.random.default_rng(seed)
    free = np.ones(scores.shape, dtype=bool)
    for columns in (relevant, excluded, given):
        free[_cells(columns)] = False
    candidates = _candidates([scores, *others], free, depth)
    means = scores.mean(axis=1)
    limits = means + _limits(relevant, (scores - means[:, None])[_cells(relevant)], relative_margin, margin_below)
    if guide is None:
        stay = (candidates >= 0) & (np.take_along_axis(scores, candidates, axis=1) <= limits[:, None])
    else:
        guided = _limits(relevant, guide(*_cells(relevant)), relative_margin, margin_below)
        stay = candidates >= 0
        rows, places = np.nonzero(stay)
        stay[rows, places] = guide(rows, candidates[rows, places]) <= guided[rows]
    table = np.concatenate(
        [
            _judged(scores, given, num_negatives, sampling, draw),
            _sample(np.where(stay, candidates, -1), num_negatives, sampling, draw),
        ],
        axis=1,
    )
    short = np.flatnonzero((table >= 0).sum(axis=1) < num_negatives)
    lower = np.full((len(scores), 2 * num_negatives), -1)
    if len(short):
        lower[short] = _lower(scores[short], limits[short], free[short], candidates[short], stay[short], num_negatives)
    return _first(np.concatenate([table, lower], axis=1), num_negatives)


def _cells(columns: Columns) -> tuple[Table, Table]:
    """Return rows and columns of all cells, each ``(n,)``."""
    rows = np.repeat(np.arange(len(columns)), [len(row) for row in columns])
    return rows, np.fromiter(chain.from_iterable(columns), dtype=np.int64)


def _mask(table: Table, n_passages: int) -> NDArray[np.bool_]:
    """Return which passages are in each row, ``(n_queries, n_passages)``."""
    mask = np.zeros((len(table), n_passages + 1), dtype=bool)
    np.put_along_axis(mask, table, True, axis=1)  # -1 is the last column
    return mask[:, :-1]


def _limits(relevant: Columns, scores: Any, relative_margin: float, margin_below: MarginBelow) -> NDArray[np.float64]:
    """Return the highest score of a negative for each query, ``(n_queries,)``; ``scores`` are of all relevant passages."""
    choose = np.max if margin_below == "best" else np.min
    ends = np.cumsum([len(columns) for columns in relevant])
    limits = np.full(len(relevant), np.inf)
    for row, own in enumerate(np.split(np.asarray(scores, dtype=np.float64), ends[:-1])):
        if len(own):
            limits[row] = choose(own) - relative_margin * abs(choose(own))
    return limits


def _best(scores: Matrix, n: int) -> Table:
    """Return the best n of each row, best first, ``(n_queries, n)``; -1 in place of -inf, and of columns that are not there."""
    depth = min(n, scores.shape[1])
    best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    values = np.take_along_axis(scores, best, axis=1)
    best = np.take_along_axis(
        np.where(np.isneginf(values), -1, best), np.argsort(-values, axis=1, kind="stable"), axis=1
    )
    return np.pad(best, ((0, 0), (0, n - depth)), constant_values=-1)


def _candidates(lists: Sequence[Matrix], free: NDArray[np.bool_], depth: int) -> Table:
    """Return the best free passages by each of the scores, rank by rank; one that is in several is at its best rank alone."""
    best = [_best(np.where(free, scores, -np.inf), min(depth, free.shape[1])) for scores in lists]
    table = np.stack(best, axis=2).reshape(len(free), -1)
    order = np.argsort(table, axis=1, kind="stable")
    ordered = np.take_along_axis(table, order, axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = -1
    np.put_along_axis(table, order, ordered, axis=1)
    return table


def _sample(table: Table, n: int, sampling: Sampling, draw: np.random.Generator) -> Table:
    """Draw n of each row without replacement, ``(n_queries, n)``; -1 where there are fewer."""
    there = table >= 0
    rank = np.maximum(1, np.cumsum(there, axis=1))
    priority = 0 - np.log(rank) if sampling != "random" else np.zeros(table.shape)
    if sampling != "top":
        priority += draw.gumbel(size=table.shape)  # the largest sums are a draw without replacement (Vieira 2014)
    places = _best(np.where(there, priority, -np.inf), n)
    return np.where(places < 0, -1, np.take_along_axis(table, places, axis=1))


def _judged(scores: Matrix, given: Columns, n: int, sampling: Sampling, draw: np.random.Generator) -> Table:
    """Draw n of the given negatives of each query, ``(n_queries, n)``; the order of candidates is that of their scores."""
    table = np.full((len(scores), n), -1)
    for row, columns in enumerate(given):
        if columns:
            ordered = sorted(columns, key=lambda column: -scores[row, column])
            table[row] = _sample(np.array([ordered], dtype=np.int64), n, sampling, draw)[0]
    return table


def _lower(
    scores: Matrix,
    limits: NDArray[np.float64],
    free: NDArray[np.bool_],
    candidates: Table,
    stay: NDArray[np.bool_],
    n: int,
) -> Table:
    """Return what follows the candidates that stay: the best n others below the margin, then the worst n above it."""
    taken = _mask(candidates, scores.shape[1])
    below = free & ~taken & (scores <= limits[:, None])
    above = free & ~below & ~_mask(np.where(stay, candidates, -1), scores.shape[1])
    found = (_best(np.where(below, scores, -np.inf), n), _best(np.where(above, -scores, -np.inf), n))
    return np.concatenate(found, axis=1)


def _first(table: Table, n: int) -> Table:
    """Return the first n passages of each row, ``(n_queries, n)``."""
    return np.take_along_axis(table, np.argsort(table < 0, axis=1, kind="stable")[:, :n], axis=1)


class Judged(NamedTuple):
    """Queries with an answer, and what their labels say about passages, as columns.

    ``given`` were judged not relevant. ``excluded`` may answer all the same: neighbours and near-duplicates of an answer, and
    the query itself where it is a passage.
    """

    queries: list[Query]
    relevant: list[list[int]]
    given: list[list[int]]
    excluded: list[list[int]]


def judged_columns(labelled: QuerySet, passages: Sequence[Passage]) -> Judged:
    """Return what is known about the passages, in document order, for each query that has a relevant one."""
    relevant = relevant_passages(labelled, passages)
    answers = {column for columns in relevant.values() for column in columns}
    groups = group_same_passages(
        [passages[column] for column in sorted(answers)],
        (passage for column, passage in enumerate(passages) if column not in answers),
    )
    same = {name: number for number, names in enumerate(groups) for name in names}
    keys = conflict_keys(passages, same)
    members: dict[Hashable, list[int]] = defaultdict(list)
    texts: dict[int, list[int]] = defaultdict(list)
    number = {}
    for column, passage in enumerate(passages):
        number[passage.passage_id] = column
        texts[_folded(passage.text)].append(column)
        for key in keys[column]:
            members[key].append(column)
    asked: dict[int, set[int]] = defaultdict(set)  # the same query may be there twice, each time with other answers
    for query in labelled.queries:
        asked[_folded(query.text)].update(relevant[query.query_id])
    judged = Judged([], [], [], [])
    for query in labelled.queries:
        if not (columns := relevant[query.query_id]):
            continue
        text = _folded(query.text)
        itself = {*texts.get(text, ()), number.get(query.query_id, columns[0])}
        copies = {same[passages[column].passage_id] for column in asked[text]}
        negatives = [number[name] for name, grade in labelled.qrels[query.query_id].items() if grade <= 0]
        judged.queries.append(query)
        judged.relevant.append(columns)
        judged.given.append(
            [each for each in negatives if each not in itself and same.get(passages[each].passage_id) not in copies]
        )
        judged.excluded.append(
            sorted(itself.union(*(members[key] for column in asked[text] for key in keys[column]), negatives))
        )
    return judged


def _folded(text: str) -> int:
    """Return what texts share that differ in case and spaces only."""
    return fingerprint(" ".join(text.casefold().split()))


class Mined(NamedTuple):
    """Rows for training, and what they are like.

    Attributes:
        rows: ``anchor``, ``positive``, ``negative_1`` … as texts: one row for each answer of a query.
        n_queries: Queries that have rows.
        n_given: Negatives that were judged not relevant.
        positive_score: Mean cosine of the queries and their relevant passages, −1 to 1.
        negative_score: The same of their negatives.
    """

    rows: list[dict[str, str]]
    n_queries: int
    n_given: int
    positive_score: float
    negative_score: float


def mine(
    labelled: QuerySet,
    passages: Sequence[Passage],
    searcher: Searcher,
    encoder: TextEncoder,
    config: NegativesConfig,
    guide: Guide | None = None,
) -> Mined:
    """Choose hard negatives for labelled queries from a corpus in memory.

    Args:
        labelled: Queries to train on.
        passages: In document order.
        searcher: Of all of them, with BM25 and vectors in memory.
        encoder: Of the queries.
        config: How many, and which.
        guide: Scores pairs in place of the model.

    Raises:
        DataError: If no query has a relevant passage, and another one that may be a negative.
    """
    judged = judged_columns(labelled, passages)
    texts = [query.text for query in judged.queries]
    vectors = encoder.encode_queries(texts)
    draw = np.random.default_rng(config.seed)
    chosen = [np.zeros((0, config.num_negatives), dtype=np.int64)]
    positive, negative = [], []
    with track("mine", len(texts)) as on_progress:
        for block, found in searcher.blocks(texts, vectors):
            relevant = judged.relevant[block]
            columns = select_negatives(
                found.dense,
                relevant,
                judged.excluded[block],
                given=judged.given[block],
                others=[np.where(found.lexical > 0, found.lexical, -np.inf), found.z_score_sum],
                guide=guide and _on_cells(guide, texts[block], passages),
                seed=draw,
                **config.model_dump(exclude={"model", "guide", "seed"}),
            )
            chosen.append(columns)
            positive.append(found.dense[_cells(relevant)])
            rows, _ = np.nonzero(columns >= 0)
            negative.append(found.dense[rows, columns[columns >= 0]])
            on_progress(len(columns))
    table = np.concatenate(chosen)
    kept = np.flatnonzero(table[:, 0] >= 0).tolist()
    if not kept:
        raise DataError(
            f"{labelled.name}: expected queries with a relevant passage and another one that may be a negative, found none of "
            f"{len(labelled.queries)}",
            hint="label train queries, or add documents: what stands next to an answer, or repeats it, is no negative",
        )
    if len(kept) < len(texts):
        _log.warning("%d queries have no passage that may be a negative, and are left out", len(texts) - len(kept))
    assert isinstance(searcher.dense, PassageVectors)
    return Mined(
        _rows(judged, kept, table, passages, searcher.dense, vectors, config.seed),
        len(kept),
        sum(len({*table[row].tolist()}.intersection(judged.given[row])) for row in kept),
        float(np.concatenate(positive).mean()),
        float(np.concatenate(negative).mean()),
    )


def _on_cells(
    guide: Guide, texts: Sequence[str], passages: Sequence[Passage]
) -> Callable[[Table, Table], NDArray[Any]]:
    def scores(rows: Table, columns: Table) -> NDArray[Any]:
        pairs = [(texts[row], passages[column].full_text) for row, column in zip(rows, columns, strict=True)]
        found = np.asarray(guide(pairs), dtype=np.float64) if pairs else np.zeros(0)
        if found.shape != (len(pairs),):
            raise ConfigError(f"guide: expected a number for each of {len(pairs)} pairs, found the shape {found.shape}")
        return found

    return scores


def _rows(
    judged: Judged,
    kept: Sequence[int],
    table: Table,
    passages: Sequence[Passage],
    dense: PassageVectors,
    vectors: Vectors,
    seed: int,
) -> list[dict[str, str]]:
    """Return a row for each answer of the queries that are kept; passages are at the window that fits the query best."""
    queries = [judged.queries[row] for row in kept]
    relevant = {judged.queries[row].query_id: judged.relevant[row] for row in kept}
    negatives = {}
    for row in kept:
        columns = table[row][table[row] >= 0]
        # Where a small corpus has fewer, they are repeated: each row needs every column.
        found = [dense.nearest_window(column, vectors[row]) for column in np.resize(columns, table.shape[1]).tolist()]
        negatives[judged.queries[row].query_id] = {f"negative_{n}": text for n, text in enumerate(found, start=1)}
    windows = dense.windows.by_passage()
    pairs = build_pairs(queries, relevant, passages, windows, sentence_dropout=0.0, seed=seed)
    return [{"anchor": pair.anchor, "positive": pair.positive, **negatives[pair.query_id]} for pair in pairs]


@quiet_libraries()
def mine_hard_negatives(
    dataset: Dataset,
    model: str | os.PathLike[str] | SentenceTransformer,
    *,
    num_negatives: int = 2,
    relative_margin: float = 0.1,
    margin_below: MarginBelow = "best",
    depth: int = 50,
    sampling: Sampling = "rank",
    guide: str | os.PathLike[str] | Guide | None = None,
    weight: float = DEFAULT_WEIGHT,
    window_tokens: int | None = None,
    seed: int = 0,
) -> Rows:
    """Mine hard negatives for the train queries of a dataset, from its whole corpus.

    Candidates are the best passages by the model, by BM25 and by their fusion. Never chosen are relevant passages, passages
    next to them in their document, near-duplicates of them, and the query itself where it is a passage. Passages that were
    judged not relevant (grade 0 or less) come first. Labels of dev and test are not read.

    Args:
        dataset: With train queries.
        model: Hub name, folder, or a loaded model: the base, or a tuned one to mine again.
        num_negatives: Negatives of each query, 1 to 100.
        relative_margin: A candidate stays if it scores at most (1 - margin) times what a relevant passage of the query scores,
            0 to 0.5; both counted from the mean of the query's scores, while sentence-transformers counts from 0 (with
            all-MiniLM-L6-v2 0.1 is about its 0.07). Where too few stay, lower-ranked passages follow; no query is dropped for
            it.
        margin_below: The relevant passage that scores ``best``, or ``least``, which is safer and leaves easier negatives.
        depth: Best passages by each search that are candidates, 1 or more.
        sampling: ``top`` takes the best candidates, ``random`` any of them, ``rank`` the n-th with a weight of 1/n.
        guide: A cross-encoder (hub name or folder), or a function that scores a list of pairs (query, passage), such as a
            language model: the margin is then tested on its scores of all candidates.
        weight: Of the model in the fusion with BM25, in [0, 1].
        window_tokens: Longer passages count as their best window, and stand in the rows with it; None takes the model's own.
        seed: Of the sampling.

    Returns:
        A ``datasets.Dataset`` with the columns ``anchor``, ``positive``, ``negative_1`` …, one row for each relevant passage
        of a query, as ``MultipleNegativesRankingLoss`` and ``GuidedContrastiveLoss`` train on it.

    Raises:
        ConfigError: If a number is out of its range, or a model cannot be loaded.
        DataError: If no train query has a relevant passage, and another one that may be a negative.

    Examples:
        >>> from embedtune import Dataset
        >>> texts = {
        ...     "a": "The warranty lasts two years.",
        ...     "b": "The warranty is void if the seal is broken.",
        ...     "c": "Our shop is in Lima.",
        ... }
        >>> dataset = Dataset.from_pairs({"q": "how long is the warranty"}, texts, {"q": {"a": 1}}, split="train")
        >>> mined = mine_hard_negatives(dataset, "sentence-transformers/all-MiniLM-L6-v2", num_negatives=1, sampling="top")
        >>> mined[0]["negative_1"]
        'The warranty is void if the seal is broken.'
    """
    config = NegativesConfig(
        num_negatives=num_negatives,
        relative_margin=relative_margin,
        margin_below=margin_below,
        depth=depth,
        sampling=sampling,
        seed=seed,
    )
    from datasets import Dataset as Rows

    encoder = Encoder(opened_model(model))
    searcher = HybridSearcher(dataset.passages, encoder, weight=weight, window_tokens=window_tokens)
    if isinstance(guide, str | os.PathLike):
        guide = load_cross_encoder(os.fspath(guide), "guide")
    return Rows.from_list(mine(dataset.splits["train"], dataset.passages, searcher, encoder, config, guide).rows)
