"""A sample of the corpus with queries whose answers it contains, and how well scores of its passages answer them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from embedtune.evaluation.measures import MEASURES, per_query
from embedtune.evaluation.significance import compare
from embedtune.evaluation.slices import group_queries
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats.judgements import own_passages
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.searcher import Units, top_run, units_of
from embedtune.training.dev_set import DevQuery, DevSet, SearchedPassage, without_source_sentence
from embedtune.types import SYNTHETIC_KINDS, Floats, Matrix, Passage, QuerySet, Run

WindowsOf = Callable[[Sequence[Passage]], Sequence[list[str]]]
"""The texts that an encoder sees of each passage."""

Scores = dict[str, Floats]
"""Measure → score of each query, ``(n_queries,)``."""

MAX_ANSWERS = 5
"""Relevant passages or documents of one query that are always in the sample; more would leave room for fewer queries."""

_ANSWER_SHARE = 0.6  # of the sample at most, so that there is something else to find
_DEPTH = 100


class Bounds(NamedTuple):
    """The largest size of a sample: passages, their tokens, and queries."""

    passages: int
    tokens: int
    queries: int


@dataclass(frozen=True)
class Sample:
    """Passages, and queries whose answers are among them."""

    passages: list[Passage]  # in document order
    judged: QuerySet  # the queries, with the judgements of what is in the sample
    units: Units  # the passages or documents that are judged
    tokens: int  # of all passages


def draw_sample(
    passages: Sequence[Passage],
    judged: QuerySet,
    token_counts: Callable[[Sequence[str]], list[int]],
    bounds: Bounds,
    seed: int,
) -> Sample:
    """Draw queries at random while their answers fit, then other passages.

    Of a query with more than five answers, only the five best are sure to be included. Judgements of passages outside the
    sample are dropped. ``token_counts`` is that of the embedder's tokenizer.
    """
    rng = np.random.default_rng(seed)
    units = [p.passage_id if judged.judged_unit == "passage" else p.document_id for p in passages]
    members: dict[str, list[int]] = {}
    for number, unit in enumerate(units):
        members.setdefault(unit, []).append(number)
    selection = _Selection(token_counts([passage.full_text for passage in passages]), bounds)
    queries: set[str] = set()
    for row in rng.permutation(len(judged.queries)).tolist():
        query_id = judged.queries[row].query_id
        grades = judged.qrels[query_id]
        best = sorted((unit for unit in grades if grades[unit] > 0 and unit in members), key=lambda unit: -grades[unit])
        answers = [number for unit in best[:MAX_ANSWERS] for number in members[unit]]
        if answers and selection.add(answers, _ANSWER_SHARE):
            queries.add(query_id)
        if len(queries) == bounds.queries:
            break
    for number in rng.permutation(len(passages)).tolist():
        selection.add([number])
    numbers = sorted(selection.numbers)
    chosen = [passages[number] for number in numbers]
    drawn, sampled = [query for query in judged.queries if query.query_id in queries], {units[n] for n in numbers}
    qrels = {
        query: {unit: grade for unit, grade in judged.qrels[query].items() if unit in sampled}
        for query in (each.query_id for each in drawn)
    }
    restricted = QuerySet(judged.name, drawn, qrels, judged.judged_unit)
    return Sample(chosen, restricted, units_of(chosen, judged.judged_unit), selection.tokens)


class _Selection:
    def __init__(self, token_counts: Sequence[int], bounds: Bounds) -> None:
        self.numbers: set[int] = set()
        self.tokens = 0
        self._token_counts = token_counts
        self._bounds = bounds

    def add(self, numbers: Collection[int], share: float = 1.0) -> bool:
        """Add passages if they fit into a share of the bounds, or are the first; return whether all are included."""
        new = set(numbers) - self.numbers
        tokens = self.tokens + sum(self._token_counts[number] for number in new)
        n_passages = len(self.numbers) + len(new)
        if self.numbers and (n_passages > share * self._bounds.passages or tokens > share * self._bounds.tokens):
            return not new
        self.numbers |= new
        self.tokens = tokens
        return True


class Evaluator:
    """Evaluates searches of a sample.

    A synthetic query searches its passage without the sentence that it was extracted from; see ``training.dev_set``. Other
    queries search the passages as they are.

    Attributes:
        sample: Passages and queries.
        clusters: Document or section of each query's answer.
        unit: ``document`` or ``section``.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        grouping = group_queries(sample.judged, sample.passages)
        self.clusters, self.unit = grouping.labels, grouping.unit
        self._ids = [query.query_id for query in sample.judged.queries]

    def dev_set(self, windows_of: WindowsOf) -> DevSet:
        """Return the queries and all passages of the sample, cut into windows."""

        def searched(passages: Sequence[Passage]) -> list[SearchedPassage]:
            return [
                SearchedPassage(p.full_text, shown) for p, shown in zip(passages, windows_of(passages), strict=True)
            ]

        passages, qrels, units = self.sample.passages, self.sample.judged.qrels, self.sample.units
        starts = units.first_passage.tolist()
        members = dict(zip(units.ids, map(range, starts, [*starts[1:], len(passages)]), strict=True))
        queries, own = [], own_passages(self.sample.judged, passages)
        for query, cluster in zip(self.sample.judged.queries, self.clusters, strict=True):
            answers = [number for unit, grade in qrels[query.query_id].items() if grade > 0 for number in members[unit]]
            replaced: Sequence[SearchedPassage | None] = [None] * len(answers)
            if query.kind in SYNTHETIC_KINDS:
                replaced = searched([without_source_sentence(passages[number], query) for number in answers])
            replacing = dict(zip(answers, replaced, strict=True))
            queries.append(DevQuery(query.text, replacing, cluster=cluster, own=own[query.query_id]))
        corpus = searched(passages)
        return DevSet(queries, corpus, max_windows=sum(len(passage.windows) for passage in corpus), seed=0)

    def run(self, scores: Matrix, floor: float = -np.inf) -> Run:
        """Return the best units by scores ``(n_queries, n_passages)`` above a floor."""
        return top_run(self._ids, scores, self.sample.units, _DEPTH, floor)

    def score(self, run: Run) -> Scores:
        """Score a run by every measure."""
        values = per_query(self.sample.judged.qrels, run)
        return {measure: np.array([values[measure][query] for query in self._ids]) for measure in MEASURES}

    def ceiling(self, run: Run) -> float:
        """Return the mean nDCG@10 of a run if its units were in perfect order."""
        qrels = self.sample.judged.qrels
        perfect = {
            query: {unit: float(qrels[query][unit]) for unit in units if qrels[query].get(unit, 0) > 0}
            for query, units in run.items()
        }
        return float(self.score(perfect)[PRIMARY].mean())

    def compare(
        self, scores: Mapping[str, Scores], pairs: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Comparison]:
        """Compare pairs of systems by the primary measure."""
        primary = {system: {PRIMARY: values[PRIMARY]} for system, values in scores.items()}
        return {pair: measures[PRIMARY] for pair, measures in compare(primary, pairs, self.clusters).items()}
