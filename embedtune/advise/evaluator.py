"""How well scores of all passages answer the sampled queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedtune.advise.sample import Sample
from embedtune.evaluation.grouping import group_queries
from embedtune.evaluation.measures import MEASURES, per_query
from embedtune.evaluation.significance import compare
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.searcher import top_run
from embedtune.training.dev_set import DevQuery, DevSet, SearchedPassage, without_source_sentence
from embedtune.types import SYNTHETIC_KINDS, Floats, Matrix, Passage, Query, Run

WindowsOf = Callable[[Sequence[Passage]], Sequence[list[str]]]
"""What an encoder sees of each passage."""

Scores = dict[str, Floats]
"""Measure → score of each query, ``(n_queries,)``."""

_DEPTH = 100


class Judge:
    """The queries of a sample, and what they say of a search.

    A query that was drawn from a passage meets it without the sentence it was drawn from; see ``evaluation.dev_set``. Queries
    that people wrote meet the passages as they are.

    Attributes:
        sample: What is searched, and by what.
        clusters: Document or section of each query's answer.
        unit: Which of the two.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        grouping = group_queries(sample.judged, sample.passages)
        self.clusters, self.unit = grouping.labels, grouping.unit
        self._ids = [query.query_id for query in sample.judged.queries]

    def dev_set(self, windows_of: WindowsOf) -> DevSet:
        """Return the queries against all passages of the sample, cut into windows."""
        passages, qrels = self.sample.passages, self.sample.judged.qrels
        corpus = _shown(passages, windows_of)
        numbers = self._members()
        queries = []
        for query, cluster in zip(self.sample.judged.queries, self.clusters, strict=True):
            answers = [number for unit, grade in qrels[query.query_id].items() if grade > 0 for number in numbers[unit]]
            met = _as_met(query, [passages[number] for number in answers], windows_of)
            queries.append(DevQuery(query.text, dict(zip(answers, met, strict=True)), cluster=cluster))
        n_windows = sum(len(shown.windows) for shown in corpus)
        return DevSet(queries, corpus, max_windows=n_windows, seed=0)

    def run(self, scores: Matrix, floor: float = -np.inf) -> Run:
        """Return the best units by scores ``(n_queries, n_passages)`` above a floor."""
        return top_run(self._ids, scores, self.sample.units, _DEPTH, floor)

    def score(self, run: Run) -> Scores:
        """Score a run by every measure."""
        found = per_query(self.sample.judged.qrels, run)
        return {measure: np.array([found[measure][query] for query in self._ids]) for measure in MEASURES}

    def ceiling(self, run: Run) -> float:
        """Return the mean nDCG@10 that a perfect order of what a run holds would have."""
        qrels = self.sample.judged.qrels
        best = {
            query: {unit: float(qrels[query].get(unit, 0)) for unit in found if qrels[query].get(unit, 0) > 0}
            for query, found in run.items()
        }
        return float(self.score(best)[PRIMARY].mean())

    def compare(self, scores: dict[str, Scores], pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Comparison]:
        """Compare systems by the primary measure."""
        only = {system: {PRIMARY: values[PRIMARY]} for system, values in scores.items()}
        found = compare(only, pairs, self.clusters)
        return {pair: measures[PRIMARY] for pair, measures in found.items()}

    def _members(self) -> dict[str, list[int]]:
        starts, ids = self.sample.units.first_passage.tolist(), self.sample.units.ids
        ends = [*starts[1:], len(self.sample.passages)]
        return {unit: list(range(start, end)) for unit, start, end in zip(ids, starts, ends, strict=True)}


def lexical_scores(dev: DevSet) -> Matrix:
    """Return BM25's scores of all passages, ``(n_queries, n_passages)``."""
    return dev.lexical_scores(lambda passages, queries: BM25(passages).scores(queries))


def _as_met(query: Query, answers: Sequence[Passage], windows_of: WindowsOf) -> Sequence[SearchedPassage | None]:
    if query.kind not in SYNTHETIC_KINDS:
        return [None] * len(answers)
    return _shown([without_source_sentence(passage, query) for passage in answers], windows_of)


def _shown(passages: Sequence[Passage], windows_of: WindowsOf) -> list[SearchedPassage]:
    windows = windows_of(passages)
    return [SearchedPassage(passage.full_text, windows[number]) for number, passage in enumerate(passages)]
