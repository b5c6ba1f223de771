"""The weight of a model against BM25, chosen on dev by one rule for base and tuned alike.

Dev retrieval: the small search by which training chooses; test queries have no part in it.

A generated query finds its passage by its very words; people's queries do so in part. So a share of them, as in training,
meet their own passages without the sentence they were drawn from (see ``cloze``): the gain on such queries alone is smaller
than on people's, the gain on the others larger. BM25's weight is chosen without the others: there it would get everything.

The dev set of a training, from a dataset's dev split.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedtune.config.settings import GenerateConfig, TrainConfig
from embedtune.dataset import Dataset
from embedtune.evaluation.grouping import group_queries
from embedtune.models.encoder import Encoder
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.corpus import OnDemand, relevant_passages, windows_of
from embedtune.retrieval.fusion import WEIGHTS, z_score_sum
from embedtune.retrieval.ranks import best_ranks
from embedtune.retrieval.windows import best_of_groups
from embedtune.text.sentences import remove_closest_sentence
from embedtune.training.selection import choose_weight
from embedtune.types import SYNTHETIC_KINDS, Matrix, Passage, Progress, Query, QuerySet, TextEncoder, Vectors


class Shown(NamedTuple):
    """A passage as a search meets it.

    Attributes:
        text: Whole, title in front.
        windows: What an encoder sees of it.
    """

    text: str
    windows: list[str]


class DevQuery(NamedTuple):
    """A dev query.

    Attributes:
        text: As typed.
        answers: Index of each relevant passage → the passage as this query meets it; None is as all others meet it.
        familiar: Whether the answers hold the very words that the query was drawn from.
        cluster: The document or section of the answers.
    """

    text: str
    answers: Mapping[int, Shown | None]
    familiar: bool = False
    cluster: str = ""


class DevSet:
    """Dev queries against a sample of the corpus that holds all their answers.

    Attributes:
        queries: Texts of the dev queries.
        relevant: Relevant columns of each query; columns are the sampled passages.
        clusters: Document or section of each query's answers, ``(n_queries,)``.
        unfamiliar: Rows of the queries whose answers do not hold the words they were drawn from.
        windows: All windows that are encoded.
        n_encoded: Texts that one call of ``dense_scores`` encodes.
    """

    def __init__(self, queries: Sequence[DevQuery], corpus: Sequence[Shown], *, max_windows: int, seed: int) -> None:
        """Sample the corpus.

        Args:
            queries: At least one.
            corpus: All passages.
            max_windows: Passages are added at random until there are this many windows; answers are always in.
            seed: Of the sample.
        """
        chosen = _sample({passage for query in queries for passage in query.answers}, corpus, max_windows, seed)
        column = {passage: number for number, passage in enumerate(chosen)}
        self.queries = [query.text for query in queries]
        self.relevant = [[column[passage] for passage in query.answers] for query in queries]
        self.clusters = np.array([query.cluster for query in queries])
        self.unfamiliar = [row for row, query in enumerate(queries) if not query.familiar]
        self._n_passages = len(chosen)
        self._shown = [corpus[passage] for passage in chosen]
        met = [
            (row, column[passage], answer)
            for row, query in enumerate(queries)
            for passage, answer in query.answers.items()
            if answer is not None
        ]
        self._met = [(row, place) for row, place, _ in met]
        self._shown += [answer for _, _, answer in met]
        self.windows = [text for shown in self._shown for text in shown.windows]
        self.n_encoded = len(set(self.windows)) + len(self.queries)

    def dense_scores(
        self, encoder: TextEncoder, on_progress: Progress | None = None, *, windows: Matrix | None = None
    ) -> Matrix:
        """Return the cosine of each query and the best window of each passage, ``(n_queries, n_passages)``.

        Args:
            encoder: Encodes queries, and windows where no vectors are given.
            on_progress: Hears how many texts more are done.
            windows: Vectors of ``windows``, ``(n_windows, dim)``, where tuning leaves passages as they are.
        """
        vectors = encoder.encode_documents(self.windows, on_progress) if windows is None else windows
        cosines = encoder.encode_queries(self.queries, on_progress) @ vectors.T
        starts = np.cumsum([0, *(len(shown.windows) for shown in self._shown[:-1])])
        return self._as_met(best_of_groups(cosines, starts))

    def lexical_scores(self, score: Callable[[Sequence[str], Sequence[str]], Matrix]) -> Matrix:
        """Return lexical scores in the same shape.

        Args:
            score: Takes passages and queries, and returns ``(n_queries, n_passages)``.
        """
        return self._as_met(score([shown.text for shown in self._shown], self.queries))

    def reciprocal_ranks(self, scores: Matrix) -> NDArray[np.float64]:
        """Return 1 / rank of the best relevant passage for each query, ``(n_queries,)``."""
        ranks: NDArray[np.float64] = 1.0 / best_ranks(scores, self.relevant)
        return ranks

    def _as_met(self, scores: Matrix) -> Matrix:
        """Put the scores of the answers as each query meets them in the place of those of the whole passages."""
        met = scores[:, : self._n_passages].copy()
        for answer, (row, column) in enumerate(self._met, start=self._n_passages):
            met[row, column] = scores[row, answer]
        return met


def _sample(answers: set[int], corpus: Sequence[Shown], max_windows: int, seed: int) -> list[int]:
    chosen = set(answers)
    n_windows = sum(len(corpus[passage].windows) for passage in chosen)
    others = [passage for passage in range(len(corpus)) if passage not in chosen]
    random.Random(seed).shuffle(others)  # noqa: S311 (reproducible on purpose)
    for passage in others:
        if n_windows + len(corpus[passage].windows) > max_windows:
            break
        chosen.add(passage)
        n_windows += len(corpus[passage].windows)
    return sorted(chosen)


def build_dev_set(dataset: Dataset, base: Encoder, dataset_config: GenerateConfig, config: TrainConfig) -> DevSet:
    """Build dev retrieval; a share of the drawn queries meet their passages without the sentence they were drawn from."""

    def shown(passages: Sequence[Passage]) -> Sequence[Shown]:
        windows = windows_of(passages, base, dataset_config.window_tokens, dataset_config.window_overlap)
        return OnDemand(len(passages), lambda number: Shown(passages[number].full_text, windows[number]))

    labelled = dataset.splits["dev"]
    relevant = relevant_passages(labelled, dataset.passages)
    draw = np.random.default_rng(config.seed)
    chosen = draw.permutation(len(labelled.queries))[: config.max_dev_queries]
    removed = draw.random(len(labelled.queries)) < config.sentence_dropout
    numbers = sorted(chosen.tolist())
    clusters = group_queries(_only(labelled, numbers), dataset.passages).labels
    queries = []
    for number, cluster in zip(numbers, clusters, strict=True):
        query = labelled.queries[number]
        drawn = query.kind in SYNTHETIC_KINDS
        met = [dataset.passages[index] for index in relevant[query.query_id]]
        if drawn and removed[number]:
            met = [without_source_sentence(passage, query) for passage in met]
        answers = dict(zip(relevant[query.query_id], shown(met), strict=True))
        queries.append(DevQuery(query.text, answers, drawn and not removed[number], cluster))
    return DevSet(queries, shown(dataset.passages), max_windows=config.max_dev_windows, seed=config.seed)


def _only(labelled: QuerySet, numbers: Sequence[int]) -> QuerySet:
    queries = [labelled.queries[number] for number in numbers]
    qrels = {query.query_id: labelled.qrels[query.query_id] for query in queries}
    return QuerySet(labelled.name, queries, qrels, labelled.judged_unit)


def without_source_sentence(passage: Passage, query: Query) -> Passage:
    """Return a passage without the sentence that a query was drawn from."""
    return passage._replace(text=remove_closest_sentence(passage.text, query.text, keep=0.0))


def choose_fusion_weight(dev: DevSet, dense: Vectors) -> float:
    """Return the weight of the dense side, chosen on queries whose answers do not hold the words they were drawn from.

    Args:
        dev: The dev set.
        dense: Scores of a model, ``(n_queries, n_passages)``.
    """
    rows = dev.unfamiliar
    lexical = dev.lexical_scores(lambda passages, queries: BM25(passages).scores(queries))[rows]
    relevant = [dev.relevant[row] for row in rows]

    def quality(weight: float) -> NDArray[np.float64]:
        ranks: NDArray[np.float64] = 1.0 / best_ranks(z_score_sum(dense[rows], lexical, weight), relevant)
        return ranks

    return choose_weight({weight: quality(weight) for weight in WEIGHTS}, dev.clusters[rows])
