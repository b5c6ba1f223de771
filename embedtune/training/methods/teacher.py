"""The teacher of query-side tuning: BM25, its fusion with the base, or a cross-encoder, over the frozen corpus.

The corpus as query-side methods see it: frozen vectors of the base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedtune.errors import DataError
from embedtune.models.locate import find_model, hash_model
from embedtune.progress import track
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.corpus import corpus_windows
from embedtune.retrieval.fusion import PassageScores, z_scores
from embedtune.retrieval.searcher import PassageVectors, Searcher, units_of
from embedtune.retrieval.windows import Windows
from embedtune.training.methods.context import Context
from embedtune.types import Passage, Query, Vectors

if TYPE_CHECKING:
    from embedtune.training.distillation import FrozenPassages, SoftTeacher


class FrozenCorpus(NamedTuple):
    """What the base makes of the corpus, or of a sample where it is large.

    Attributes:
        passages: Numbers of the passages in the dataset.
        windows: Of these passages.
        vectors: Of the windows, ``(n_windows, dim)``.
    """

    passages: list[int]
    windows: Windows
    vectors: Vectors


@lru_cache(maxsize=1)  # the rungs of one ladder look at the same
def encode_corpus(context: Context) -> FrozenCorpus:
    """Encode the corpus with the base, or take its vectors from the disk. It needs no train query."""
    passages = context.sample_passages(sources_of(context, sample_queries(context)))
    windows = corpus_windows(
        [context.dataset.passages[number] for number in passages],
        context.base,
        context.dataset_config.window_tokens,
        context.dataset_config.window_overlap,
    )
    with track("encode: base", len(set(windows.texts))) as on_progress:
        vectors = context.vectors.documents(context.base, hash_model(context.base_folder), windows.texts, on_progress)
    return FrozenCorpus(passages, windows, vectors)


def sample_queries(context: Context) -> list[Query]:
    """Return the train queries that are learnt from, at most ``max_queries``."""
    queries = context.dataset.splits["train"].queries
    order = np.random.default_rng(context.config.seed).permutation(len(queries))
    return [queries[number] for number in sorted(order[: context.config.query_side.max_queries].tolist())]


def sources_of(context: Context, queries: Sequence[Query]) -> list[int]:
    """Return the numbers of the passages that are an answer to some of these queries."""
    relevant = context.relevant()
    return sorted({passage for query in queries for passage in relevant[query.query_id]})


CROSS_ENCODER = "cross-encoder:"
_RERANKED = 20  # passages that a cross-encoder looks at for each query


class DistillationData(NamedTuple):
    """What query-side methods learn from.

    Attributes:
        queries: Train queries, at most ``max_queries``.
        vectors: Of these by the base, ``(n_queries, dim)``.
        passages: Frozen vectors of the passages that are an answer to some of these queries.
        teacher: What each query should find among them.
    """

    queries: list[Query]
    vectors: Vectors
    passages: FrozenPassages
    teacher: SoftTeacher


@lru_cache(maxsize=1)  # the rungs of one ladder learn from the same
def prepare_distillation(context: Context) -> DistillationData:
    """Encode the corpus and the queries with the base, and set up the teacher.

    Raises:
        DataError: If there are fewer train queries than a batch needs.
    """
    from embedtune.training.distillation import SoftTeacher

    config, settings, relevant = context.config, context.config.query_side, context.relevant()
    queries = sample_queries(context)
    if len(queries) < settings.batch_size:
        raise DataError(
            f"dataset: expected at least {settings.batch_size} train queries, found {len(queries)}",
            hint="add documents, or --set train.query_side.batch_size=8",
        )
    asked = sources_of(context, queries)
    corpus = encode_corpus(context)
    texts = [query.text for query in queries]
    with track("encode: train queries", len(texts)) as on_progress:
        vectors = context.base.encode_queries(texts, on_progress)
    passages = [context.dataset.passages[number] for number in corpus.passages]
    scores = _scorer(config.teacher, texts, vectors, passages, PassageVectors(corpus.vectors, corpus.windows))
    place, column = (
        {passage: number for number, passage in enumerate(corpus.passages)},
        {passage: number for number, passage in enumerate(asked)},
    )
    columns = [place[passage] for passage in asked]
    teacher = SoftTeacher(
        [[column[passage] for passage in relevant[query.query_id]] for query in queries],
        len(asked),
        None if scores is None else lambda rows: scores(rows)[:, columns],
        positive_boost=settings.positive_boost,
        temperature=settings.teacher_temperature,
    )
    return DistillationData(queries, vectors, _frozen(corpus.vectors, corpus.windows, columns), teacher)


def _frozen(documents: Vectors, windows: Windows, columns: Sequence[int]) -> FrozenPassages:
    """Return the passages that are somebody's answer.

    All others would only ever be wrong, whatever the query, and queries would learn to turn away from their kind: the tables
    of a report, say, from which no query can be drawn.
    """
    import torch

    from embedtune.training.distillation import FrozenPassages

    ends = [*windows.starts.tolist()[1:], len(documents)]
    spans = [range(windows.starts[column], ends[column]) for column in columns]
    starts = np.cumsum([0, *(len(span) for span in spans[:-1])])
    rows = [row for span in spans for row in span]
    return FrozenPassages(torch.from_numpy(documents[rows]), starts.tolist())


def _scorer(
    name: str, queries: Sequence[str], vectors: Vectors, passages: Sequence[Passage], documents: PassageVectors
) -> Callable[[Sequence[int]], Vectors] | None:
    """Return what scores all passages for some queries; each row has mean 0. None for teacher ``none``."""
    if name == "none":
        return None
    texts = [passage.full_text for passage in passages]
    searcher = Searcher(units_of(passages, "passage"), lexical=BM25(texts), dense=documents, weight=0.5)

    def search(rows: Sequence[int]) -> PassageScores:
        return searcher.scores([queries[row] for row in rows], vectors[list(rows)])

    def by_both(rows: Sequence[int]) -> Vectors:
        return 2 * search(rows).z_score_sum

    if name == "bm25":
        return lambda rows: 2 * z_scores(search(rows).lexical)  # the spread of a sum of two
    if name == "hybrid":
        return by_both
    return _reranked(name.removeprefix(CROSS_ENCODER), queries, texts, by_both)


def _reranked(
    name: str, queries: Sequence[str], texts: Sequence[str], scores: Callable[[Sequence[int]], Vectors]
) -> Callable[[Sequence[int]], Vectors]:
    """Return scores whose best passages are put into a cross-encoder's order; each keeps one of the scores they had."""
    from sentence_transformers import CrossEncoder

    judge = CrossEncoder(str(find_model(name)), model_kwargs={"use_safetensors": True})

    def reranked(rows: Sequence[int]) -> Vectors:
        found = scores(rows)
        best = np.argsort(-found, axis=1, kind="stable")[:, :_RERANKED]
        pairs = [(queries[row], texts[passage]) for row, line in zip(rows, best, strict=True) for passage in line]
        opinion = np.asarray(judge.predict(pairs, show_progress_bar=False), dtype=np.float32).reshape(best.shape)
        order = np.take_along_axis(best, np.argsort(-opinion, axis=1, kind="stable"), axis=1)
        np.put_along_axis(found, order, np.take_along_axis(found, best, axis=1), axis=1)
        return found

    return reranked
