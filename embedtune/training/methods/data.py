"""The data that methods train on: a dataset as the base model sees it, and the teacher of the query-side methods.

A teacher scores the frozen corpus: BM25, its fusion with the base, or a cross-encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.dataset import Dataset
from embedtune.formats.judgements import own_passages
from embedtune.models.encoder import Encoder
from embedtune.models.locate import find_model
from embedtune.progress import track
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import PassageScores, z_scores
from embedtune.retrieval.searcher import PassageVectors, Searcher, units_of
from embedtune.retrieval.windows import OnDemand, Windows, corpus_windows, relevant_passages, windows_of
from embedtune.training.recipe import is_judged
from embedtune.training.temperature import choose_temperature
from embedtune.types import Matrix, Passage, Progress, Query, Vectors

if TYPE_CHECKING:
    from embedtune.training.losses import FrozenPassages, SoftTeacher


class FrozenCorpus(NamedTuple):
    """The base's vectors of the corpus, or of a sample where it is large.

    Attributes:
        passages: Numbers of the passages in the dataset.
        windows: Of these passages.
        vectors: Of the windows, ``(n_windows, dim)``.
    """

    passages: list[int]
    windows: Windows
    vectors: Vectors


class HardNegative(NamedTuple):
    """A passage that is easily taken for an answer: its number in the dataset, and the window nearest to the query."""

    passage: int
    window: str


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A dataset as the base model sees it; whatever takes long is computed once.

    Attributes:
        config: How to train.
        dataset_config: How the dataset was made.
        dataset: Passages, queries and judgements.
        base: The base model's encoder.
        encode_corpus: Encodes the windows of the corpus with the base, or returns the vectors of an earlier call.
        updated: Ids of the documents that training goes on for, with replay of the others; none takes all alike.
    """

    config: TrainConfig
    dataset_config: GenerateConfig
    dataset: Dataset
    base: Encoder
    encode_corpus: Callable[[Sequence[str], Progress], Vectors]
    updated: Collection[str] = ()

    @cached_property
    def relevant(self) -> dict[str, list[int]]:
        """For each train query the numbers of its passages."""
        return relevant_passages(self.dataset.splits["train"], self.dataset.passages)

    def relevance_of(self, query_id: str) -> dict[int, float]:
        """Return the numbers of a train query's passages, each with its grade divided by the highest of them."""
        qrels, passages = self.dataset.splits["train"].qrels[query_id], self.dataset.passages
        grades = {number: qrels[passages[number].passage_id] for number in self.relevant[query_id]}
        return {number: grade / max(grades.values()) for number, grade in grades.items()}

    @cached_property
    def own(self) -> dict[str, list[int]]:
        """For each train query the numbers of the passages that are the query itself, which are no negatives of it."""
        return own_passages(self.dataset.splits["train"], self.dataset.passages)

    @cached_property
    def number_of(self) -> dict[str, int]:
        """Passage id → number of the passage in the dataset."""
        return {passage.passage_id: number for number, passage in enumerate(self.dataset.passages)}

    @cached_property
    def temperature(self) -> float:
        """Of the softmax over cosines."""
        if self.config.temperature is not None:
            return self.config.temperature
        queries = [query.text for query in self.dataset.splits["train"].queries]
        first = OnDemand(len(self.dataset.passages), lambda number: self.windows[number][0])
        return choose_temperature(self.base, queries, first, seed=self.config.seed)

    @property
    def false_negative_margin(self) -> float:
        """Cosine above that of the positive from which a negative is masked."""
        margin = self.config.false_negative_margin
        return 2 * self.temperature if margin is None else margin

    @cached_property
    def windows(self) -> Sequence[list[str]]:
        """The windows of each passage, split when they are first looked at."""
        return windows_of(
            self.dataset.passages, self.base, self.dataset_config.window_tokens, self.dataset_config.window_overlap
        )

    @cached_property
    def frozen_corpus(self) -> FrozenCorpus:
        """The corpus by the base; it needs no train query."""
        numbers = self.sample_passages(self.sources_of(self.sample_queries()))
        windows = corpus_windows(
            [self.dataset.passages[number] for number in numbers],
            self.base,
            self.dataset_config.window_tokens,
            self.dataset_config.window_overlap,
        )
        with track("encode: base", len(set(windows.texts))) as on_progress:
            return FrozenCorpus(numbers, windows, self.encode_corpus(windows.texts, on_progress))

    @property
    def frozen_passages(self) -> list[Passage]:
        """The passages of the frozen corpus."""
        return [self.dataset.passages[number] for number in self.frozen_corpus.passages]

    @cached_property
    def passage_vectors(self) -> PassageVectors:
        """Their vectors by the base."""
        return PassageVectors(self.frozen_corpus.vectors, self.frozen_corpus.windows)

    @cached_property
    def searcher(self) -> Searcher:
        """The frozen corpus, searched by the base and BM25."""
        passages = self.frozen_passages
        lexical = BM25([passage.full_text for passage in passages])
        return Searcher(units_of(passages, "passage"), lexical=lexical, dense=self.passage_vectors, weight=0.5)

    def hardest(self, queries: Sequence[str]) -> list[int]:
        """Return the passages in the order of their best rank among these queries, by the base or by BM25."""
        n = len(self.frozen_corpus.passages)
        best = np.full(n, n)
        for _, found in self.searcher.blocks(queries, self.base.encode_queries(queries)):
            for scores in (found.dense, found.lexical):
                order = np.argsort(-scores, axis=1, kind="stable")
                ranks = np.empty_like(order)
                np.put_along_axis(ranks, order, np.arange(n)[None], axis=1)
                best = np.minimum(best, ranks.min(axis=0))
        return [self.frozen_corpus.passages[column] for column in np.argsort(best, kind="stable").tolist()]

    def sample_passages(self, required: Collection[int] = ()) -> list[int]:
        """Return the numbers of at most ``max_passages`` passages, the required ones among them."""
        n, most = len(self.dataset.passages), self.config.query_side.max_passages
        if n <= most:
            return list(range(n))
        order = np.random.default_rng(self.config.seed).permutation(n).tolist()
        known = set(required)
        others = [passage for passage in order if passage not in known]
        return sorted([*known, *others[: max(0, most - len(known))]])

    @cached_property
    def is_judged(self) -> bool:
        """Whether people's labels decide how to train."""
        return is_judged(self.dataset.splits["train"])

    def sample_queries(self) -> list[Query]:
        """Return at most ``max_queries`` train queries, only those with labels from people where these decide."""
        queries = [
            query for query in self.dataset.splits["train"].queries if query.came_with_label or not self.is_judged
        ]
        order = np.random.default_rng(self.config.seed).permutation(len(queries))
        return [queries[number] for number in sorted(order[: self.config.query_side.max_queries].tolist())]

    def hard_negatives(self, queries: Sequence[Query], n: int) -> dict[str, list[HardNegative]]:
        """Return for each of some train queries n passages that are easily taken for its answer; see ``select_negatives``."""
        from embedtune.training.negatives import judged_columns, select_negatives

        numbers, nearest_window = self.frozen_corpus.passages, self.passage_vectors.nearest_window
        judged = judged_columns(self.dataset.splits["train"].subset(queries), self.frozen_passages)
        texts = [query.text for query in judged.queries]
        vectors, draw = self.base.encode_queries(texts), np.random.default_rng(self.config.seed)
        mined = {}
        for block, found in self.searcher.blocks(texts, vectors):
            columns = select_negatives(
                found.dense,
                judged.relevant[block],
                judged.excluded[block],
                given=judged.given[block],
                others=[np.where(found.lexical > 0, found.lexical, -np.inf)],
                num_negatives=n,
                seed=draw,
            )
            for query, vector, row in zip(judged.queries[block], vectors[block], columns, strict=True):
                there = np.resize(row[row >= 0], n).tolist() if row[0] >= 0 else []
                mined[query.query_id] = [
                    HardNegative(numbers[column], nearest_window(column, vector)) for column in there
                ]
        return mined

    def document_vectors(self, texts: Sequence[str], on_progress: Progress) -> Vectors:
        """Return vectors by the base; only what is no window of the frozen corpus is encoded."""
        row = {text: number for number, text in enumerate(self.frozen_corpus.windows.texts)}
        new = list(dict.fromkeys(text for text in texts if text not in row))
        vectors = self.frozen_corpus.vectors
        if new:
            row |= {text: number for number, text in enumerate(new, start=len(vectors))}
            vectors = np.concatenate([vectors, self.base.encode_documents(new)])
        on_progress(len(texts))
        found: Vectors = vectors[[row[text] for text in texts]]
        return found

    def sources_of(self, queries: Sequence[Query]) -> list[int]:
        """Return the numbers of the passages that are an answer to some of these queries."""
        return sorted({passage for query in queries for passage in self.relevant[query.query_id]})


CROSS_ENCODER = "cross-encoder:"
_RERANKED = 20  # passages of each query that a cross-encoder scores


class DistillationData(NamedTuple):
    """What query-side methods learn from.

    Attributes:
        queries: Train queries, at most ``max_queries``.
        vectors: Of these by the base, ``(n_queries, dim)``.
        passages: Frozen vectors of the passages that answer some of these queries.
        teacher: The distribution over these passages that each query should have.
    """

    queries: list[Query]
    vectors: Vectors
    passages: FrozenPassages
    teacher: SoftTeacher


def prepare_distillation(data: TrainingData) -> DistillationData:
    """Encode the corpus and the queries with the base, and set up the teacher."""
    from embedtune.training.losses import SoftTeacher

    settings = data.config.query_side
    queries = data.sample_queries()
    corpus, sources = data.frozen_corpus, data.sources_of(queries)
    texts = [query.text for query in queries]
    with track("encode: train queries", len(texts)) as on_progress:
        vectors = data.base.encode_queries(texts, on_progress)
    scores = _scorer(data, texts, vectors)
    in_corpus = {passage: number for number, passage in enumerate(corpus.passages)}
    in_sources = {passage: number for number, passage in enumerate(sources)}
    columns = [in_corpus[passage] for passage in sources]
    teacher = SoftTeacher(
        relevant=[
            {in_sources[number]: relevance for number, relevance in data.relevance_of(query.query_id).items()}
            for query in queries
        ],
        left_out=[
            [in_sources[passage] for passage in data.own[query.query_id] if passage in in_sources] for query in queries
        ],
        n_passages=len(sources),
        scores=None if scores is None else lambda rows: scores(rows)[:, columns],
        positive_boost=settings.positive_boost,
        temperature=settings.teacher_temperature,
    )
    return DistillationData(queries, vectors, _frozen(corpus.vectors, corpus.windows, columns), teacher)


def _frozen(documents: Vectors, windows: Windows, columns: Sequence[int]) -> FrozenPassages:
    """Return the passages that answer some query.

    All others can only act as negatives, whatever the query, so queries would be pushed away from that type of passage: the
    tables of a report, say, from which no query can be extracted.
    """
    import torch

    from embedtune.training.losses import FrozenPassages

    ends = [*windows.starts.tolist()[1:], len(documents)]
    spans = [range(windows.starts[column], ends[column]) for column in columns]
    starts = np.cumsum([0, *(len(span) for span in spans[:-1])])
    rows = [row for span in spans for row in span]
    return FrozenPassages(torch.from_numpy(documents[rows]), starts.tolist())


def _scorer(data: TrainingData, queries: Sequence[str], vectors: Vectors) -> Callable[[Sequence[int]], Matrix] | None:
    """Return a function that scores all passages for some queries, each row with mean 0; None for teacher ``none``."""
    name = data.config.teacher
    if name == "none":
        return None

    def search(rows: Sequence[int]) -> PassageScores:
        return data.searcher.scores([queries[row] for row in rows], vectors[list(rows)])

    def fused(rows: Sequence[int]) -> Matrix:
        return 2 * search(rows).z_score_sum

    if name == "bm25":
        return lambda rows: 2 * z_scores(search(rows).lexical)  # the spread of a sum of two
    if name == "hybrid":
        return fused
    texts = [passage.full_text for passage in data.frozen_passages]
    return _reranked(name.removeprefix(CROSS_ENCODER), queries, texts, fused)


def _reranked(
    name: str, queries: Sequence[str], texts: Sequence[str], scores: Callable[[Sequence[int]], Matrix]
) -> Callable[[Sequence[int]], Matrix]:
    """Reorder the best passages of each query by a cross-encoder; their scores are permuted, not changed."""
    from sentence_transformers import CrossEncoder

    cross_encoder = CrossEncoder(str(find_model(name)), model_kwargs={"use_safetensors": True})

    def reranked(rows: Sequence[int]) -> Matrix:
        values = scores(rows)
        best = np.argsort(-values, axis=1, kind="stable")[:, :_RERANKED]
        pairs = [(queries[row], texts[passage]) for row, line in zip(rows, best, strict=True) for passage in line]
        relevance = np.asarray(cross_encoder.predict(pairs, show_progress_bar=False), dtype=np.float32).reshape(
            best.shape
        )
        order = np.take_along_axis(best, np.argsort(-relevance, axis=1, kind="stable"), axis=1)
        np.put_along_axis(values, order, np.take_along_axis(values, best, axis=1), axis=1)
        return values

    return reranked
