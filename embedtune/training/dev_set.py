"""Dev retrieval, on which training selects the method, its strength and its fusion weight; test queries are never used.

An extractive query shares its wording with its passage, people's queries only in part. So, as in training, a share of them
search passages without their source sentence; the fusion weight is chosen on these alone, or BM25 would get all of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.dataset import Dataset
from embedtune.documents.splits import ENOUGH_JUDGED
from embedtune.evaluation.slices import group_queries
from embedtune.formats.judgements import own_passages
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.project.records import DevRecord
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import WEIGHTS, z_score_sum
from embedtune.retrieval.ranks import best_ranks
from embedtune.retrieval.windows import OnDemand, best_of_groups, relevant_passages, windows_of
from embedtune.text.sentences import remove_closest_sentence
from embedtune.training.recipe import is_judged
from embedtune.training.selection import Decision, Prior, choose_weight, decide, hold_out
from embedtune.types import SYNTHETIC_KINDS, Floats, Matrix, Passage, Progress, Query, QuerySet, TextEncoder, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.tuned_models import TunedModel


class SearchedPassage(NamedTuple):
    """A passage of the dev corpus.

    Attributes:
        text: Title and text, for lexical search.
        windows: Windows to encode.
    """

    text: str
    windows: list[str]


class DevQuery(NamedTuple):
    """A dev query.

    Attributes:
        text: The query.
        answers: Index of each relevant passage, the best-graded first → the passage without this query's source sentence, or
            None for the whole one.
        source_visible: Whether the answers contain the sentence that the query was extracted from.
        cluster: Document or section of the answers.
        own: Indices of passages that are the query itself, and never rank before an answer.
    """

    text: str
    answers: Mapping[int, SearchedPassage | None]
    source_visible: bool = False
    cluster: str = ""
    own: Sequence[int] = ()


class DevSet:
    """Dev queries, and a sample of the corpus with their answers.

    Attributes:
        queries: Texts of the queries.
        relevant: Relevant columns for each query; a column is a sampled passage.
        clusters: Document or section of each query's answers, ``(n_queries,)``.
        choosing: Rows of the queries that choose step, strength and method.
        confirming: Rows of those that decide whether a model is shipped; the same unless some are held out.
        source_hidden: Rows of the queries whose answers lack their source sentence.
        windows: Windows to encode.
        n_encoded: Number of texts that ``dense_scores`` encodes.
    """

    def __init__(
        self,
        queries: Sequence[DevQuery],
        corpus: Sequence[SearchedPassage],
        *,
        max_windows: int,
        seed: int,
        hardest: Sequence[int] = (),
        ship_errors: float = 1.0,
        judged: bool = False,
        held_out: float = 0.0,
    ) -> None:
        """Sample the corpus: passages join the answers of the queries, at least one, up to ``max_windows`` windows.

        Half of them are the first of ``hardest``, the others random, so that scores keep their spread. Of many answers a query
        has the best, as ``_sample_answers`` says. ``ship_errors`` are those of ``select_on_dev``; ``judged`` is
        whether people's labels decide, ``held_out`` the share of queries that confirm and do not choose.

        Raises ``DataError`` if none would be left to choose.
        """
        sample = _sample(_sample_answers(queries, corpus, max_windows), corpus, max_windows, seed, hardest)
        self.ship_errors = ship_errors
        self.judged = judged
        column = {passage: number for number, passage in enumerate(sample)}
        self.queries = [query.text for query in queries]
        self.relevant = [[column[passage] for passage in query.answers if passage in column] for query in queries]
        self.clusters = np.array([query.cluster for query in queries])
        self.choosing, self.confirming = hold_out(self.clusters, held_out, seed)
        self.source_hidden = [row for row, query in enumerate(queries) if not query.source_visible]
        replacements = [
            (row, column[passage], answer)
            for row, query in enumerate(queries)
            for passage, answer in query.answers.items()
            if answer is not None and passage in column
        ]
        self._own = [
            (row, column[place]) for row, query in enumerate(queries) for place in query.own if place in column
        ]
        self._n_passages = len(sample)
        self._replaced = [(row, place) for row, place, _ in replacements]
        self._passages = [corpus[passage] for passage in sample] + [answer for _, _, answer in replacements]
        self.windows = [text for passage in self._passages for text in passage.windows]
        self.n_encoded = len(set(self.windows)) + len(self.queries)

    def dense_scores(
        self, encoder: TextEncoder, on_progress: Progress | None = None, *, windows: Matrix | None = None
    ) -> Matrix:
        """Return the cosine of each query with the best window of each passage, ``(n_queries, n_passages)``.

        ``windows`` are vectors of the attribute of that name, ``(n_windows, dim)``, where tuning does not change passages.
        """
        vectors = encoder.encode_documents(self.windows, on_progress) if windows is None else windows
        return self.scores_of(encoder.encode_queries(self.queries, on_progress), vectors)

    def scores_of(self, queries: Matrix, windows: Matrix) -> Matrix:
        """Return the same of vectors of the queries, ``(n_queries, dim)``, and of the windows, ``(n_windows, dim)``."""
        starts = np.cumsum([0, *(len(passage.windows) for passage in self._passages[:-1])])
        return self._with_replacements(best_of_groups(queries @ windows.T, starts))

    def lexical_scores(self, score: Callable[[Sequence[str], Sequence[str]], Matrix]) -> Matrix:
        """Return lexical scores, ``(n_queries, n_passages)``; ``score`` takes passages and queries, and returns this shape."""
        return self._with_replacements(score([passage.text for passage in self._passages], self.queries))

    def reciprocal_ranks(self, scores: Matrix) -> Floats:
        """Return 1 / rank of the best relevant passage for each query, ``(n_queries,)``."""
        ranks: Floats = 1.0 / best_ranks(scores, self.relevant)
        return ranks

    def choosing_ranks(self, scores: Matrix) -> Floats:
        """Return the same of the queries that choose, ``(n_choosing,)``."""
        return self.reciprocal_ranks(scores)[self.choosing]

    def _with_replacements(self, scores: Matrix) -> Matrix:
        """Replace the scores of whole answers by those without the query's source sentence, and put queries themselves last."""
        whole = scores[:, : self._n_passages].copy()
        for answer, (row, column) in enumerate(self._replaced, start=self._n_passages):
            whole[row, column] = scores[row, answer]
        for row, column in self._own:
            whole[row, column] = whole[row].min()
        return whole


def _sample_answers(queries: Sequence[DevQuery], corpus: Sequence[SearchedPassage], max_windows: int) -> set[int]:
    """Return the first answer of every query, then the second ones and so on, until they fill half of the windows.

    All answers of 324 queries of NFCorpus are its whole corpus, which every evaluation would encode.
    """
    chosen: set[int] = set()
    n_windows = 0
    for turn, passages in enumerate(zip_longest(*(query.answers for query in queries))):
        for passage in passages:
            if passage is None or passage in chosen:
                continue
            n_windows += len(corpus[passage].windows)
            if turn and n_windows > max_windows // 2:
                return chosen
            chosen.add(passage)
    return chosen


def _sample(
    answers: set[int], corpus: Sequence[SearchedPassage], max_windows: int, seed: int, hardest: Sequence[int]
) -> list[int]:
    chosen = dict.fromkeys(sorted(answers))
    n_windows = sum(len(corpus[passage].windows) for passage in chosen)
    others = [passage for passage in range(len(corpus)) if passage not in chosen]
    random.Random(seed).shuffle(others)  # noqa: S311 (reproducible on purpose)
    for most, passages in (((n_windows + max_windows) // 2, hardest), (max_windows, others)):
        for passage in passages:
            if n_windows + len(corpus[passage].windows) > most:
                break
            if passage not in chosen:
                chosen[passage] = None
                n_windows += len(corpus[passage].windows)
    return sorted(chosen)


def build_dev_set(
    dataset: Dataset,
    base: Encoder,
    dataset_config: GenerateConfig,
    config: TrainConfig,
    hardest: Callable[[Sequence[str]], Sequence[int]] | None = None,
) -> DevSet:
    """Build the dev set from the dev split; ``sentence_dropout`` is the share of synthetic queries without source sentence.

    ``hardest`` returns numbers of passages, those first that are most easily taken for an answer to one of the queries.
    """

    def searched(passages: Sequence[Passage]) -> Sequence[SearchedPassage]:
        windows = windows_of(passages, base, dataset_config.window_tokens, dataset_config.window_overlap)
        return OnDemand(len(passages), lambda number: SearchedPassage(passages[number].full_text, windows[number]))

    labelled = deciding(dataset.splits["dev"])
    relevant, own = relevant_passages(labelled, dataset.passages), own_passages(labelled, dataset.passages)
    draw = np.random.default_rng(config.seed)
    chosen = draw.permutation(len(labelled.queries))[: config.max_dev_queries]
    hidden = draw.random(len(labelled.queries)) < config.sentence_dropout
    numbers = sorted(chosen.tolist())
    clusters = group_queries(labelled.subset(labelled.queries[number] for number in numbers), dataset.passages).labels
    queries = []
    for number, cluster in zip(numbers, clusters, strict=True):
        query = labelled.queries[number]
        synthetic = query.kind in SYNTHETIC_KINDS
        grades = labelled.qrels[query.query_id]
        numbered = sorted(relevant[query.query_id], key=lambda index: -grades[dataset.passages[index].passage_id])
        answers: dict[int, SearchedPassage | None] = dict.fromkeys(numbered)
        if synthetic:
            passages = [dataset.passages[index] for index in numbered]
            if hidden[number]:
                passages = [without_source_sentence(passage, query) for passage in passages]
            answers.update(zip(numbered, searched(passages), strict=True))
        visible = synthetic and not hidden[number]
        queries.append(DevQuery(query.text, answers, visible, cluster, own[query.query_id]))
    return DevSet(
        queries,
        searched(dataset.passages),
        max_windows=config.max_dev_windows,
        seed=config.seed,
        hardest=hardest([query.text for query in queries]) if hardest else (),
        ship_errors=config.ship_errors,
        judged=is_judged(dataset.splits["train"]),
        held_out=config.dev_held_out,
    )


def deciding(dev: QuerySet) -> QuerySet:
    """Return the dev queries that decide: those of people alone, where there are enough."""
    judged = dev.subset(query for query in dev.queries if query.came_with_label)
    return judged if len(judged.queries) >= ENOUGH_JUDGED else dev


def without_source_sentence(passage: Passage, query: Query) -> Passage:
    """Return the passage without the sentence that the query was extracted from."""
    return passage._replace(text=remove_closest_sentence(passage.text, query.text, keep=0.0))


class DevRetrieval:
    """Searches the dev set with a model in training, merged as it would be shipped: twice as fast as quantised layers.

    Attributes:
        dev: The dev set.
        base: Dev scores of the base, ``(n_queries, n_passages)``.
        windows: Base vectors of the dev windows, ``(n_windows, dim)``.
    """

    def __init__(
        self,
        dev: DevSet,
        base: Encoder,
        load_base: Callable[[], SentenceTransformer],
        encode: Callable[[Sequence[str], Progress], Vectors],
    ) -> None:
        """Search with the base.

        Args:
            dev: The dev set.
            base: The base, whose precision all models get.
            load_base: Loads the copy into which updates are merged.
            encode: Returns the base vectors of windows, ``(n_windows, dim)``.
        """
        self.dev = dev
        self._precision = base.precision
        self._merge_target = cache(load_base)
        with track("dev: base", dev.n_encoded) as on_progress:
            self.windows = encode(dev.windows, on_progress)
            self.base = dev.dense_scores(base, on_progress, windows=self.windows)

    def search_with(self, tuned: TunedModel, strength: float, label: str) -> Matrix:
        """Return dev scores of base + strength · update, ``(n_queries, n_passages)``; ``label`` names the progress bar.

        Passages are encoded again only if tuning changes them.
        """
        encoder = self.encoder_with(tuned, strength)
        windows = self.windows if tuned.queries_only else tuned.dev_windows
        with track(label, self.dev.n_encoded if windows is None else len(self.dev.queries)) as on_progress:
            return self.dev.dense_scores(encoder, on_progress, windows=windows)

    def encode_queries_with(self, tuned: TunedModel, strength: float) -> Vectors:
        """Return the vectors of the dev queries by base + strength · update, ``(n_queries, dim)``."""
        return self.encoder_with(tuned, strength).encode_queries(self.dev.queries)

    def encoder_with(self, tuned: TunedModel, strength: float) -> Encoder:
        """Return the encoder of base + strength · update; use it before asking for the next."""
        return Encoder(tuned.merge_into(self._merge_target(), strength), precision=self._precision)


def select_on_dev(
    dev: DevSet, base: Matrix, tuned: Mapping[float, Matrix], prior: Prior | None = None
) -> tuple[Decision, Matrix, DevRecord]:
    """Choose the strength of an update by its dev scores, at least those of one strength, and whether it beats the base.

    Strengths are compared on the queries that choose, the best with the base on those that confirm. ``prior`` is what such
    updates gained elsewhere; see ``decide``.

    Returns:
        The decision, the scores of the best strength, ``(n_queries, n_passages)``, and the record of both.
    """
    ranks = {strength: dev.reciprocal_ranks(scores) for strength, scores in tuned.items()}
    best = max(ranks, key=lambda strength: (ranks[strength][dev.choosing].mean(), -strength))
    rows = dev.confirming
    decision = decide(
        dev.reciprocal_ranks(base)[rows],
        {best: ranks[best][rows]},
        dev.clusters[rows],
        errors=dev.ship_errors,
        prior=prior,
    )
    record = DevRecord(
        by_strength={f"{strength:g}": rounded_mean(values[dev.choosing]) for strength, values in ranks.items()},
        gain=round(decision.gain, 4),
        standard_error=round(decision.error, 4),
    )
    return decision, tuned[best], record


def rounded_mean(scores: Floats) -> float:
    """Return the mean, rounded to four digits as in manifests."""
    return round(float(scores.mean()), 4)


def choose_fusion_weight(dev: DevSet, dense: Matrix) -> float:
    """Return the weight of the dense side in fusion, chosen by the dev scores of the queries without source sentence."""
    rows = dev.source_hidden
    lexical = dev.lexical_scores(lambda passages, queries: BM25(passages).scores(queries))[rows]
    relevant = [dev.relevant[row] for row in rows]
    by_weight: dict[float, Floats] = {
        weight: 1.0 / best_ranks(z_score_sum(dense[rows], lexical, weight), relevant) for weight in WEIGHTS
    }
    return choose_weight(by_weight, dev.clusters[rows], judged=dev.judged)
