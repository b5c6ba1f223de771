"""What the scores of all systems show: comparisons, verdict, slices, seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from embedtune.evaluation import slices
from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.significance import FEWEST_CLUSTERS, SystemScores, average_seeds, compare
from embedtune.evaluation.slices import Grouping, group_queries
from embedtune.evaluation.verdict import PAIRS as VERDICT_PAIRS
from embedtune.evaluation.verdict import (
    Comparisons,
    index_objections,
    judge,
    judge_base,
    lexical_objection,
    reranking_advice,
)
from embedtune.evaluation.word_bias import are_extractive, open_gains, without_word_bias
from embedtune.project.evaluation_records import Comparison, IndexRecord, SeedsRecord, Slice, Verdict
from embedtune.project.layout import BEFORE
from embedtune.retrieval.ranks import first_ranks
from embedtune.systems import pairs_to_compare, sliced_pairs
from embedtune.types import Floats, Passage, QuerySet, Run

_RANGES = ("1", "2-10", ">10", "1-3", "4-8", "9+")


class Summary(NamedTuple):
    """What the scores of one query set show; rounded to six decimals."""

    clustered_by: str
    n_clusters: int
    comparisons: list[Comparison]
    verdict: Verdict
    slices: list[Slice]
    seeds: SeedsRecord | None


def summarise(
    values: Mapping[str, PerQuery],
    lexical: Run,
    labelled: QuerySet,
    passages: Sequence[Passage],
    *,
    seeds: Sequence[str] = (),
    method: str | None = "symmetric",
    why_base: str = "",
    worded: Collection[str] = (),
    indexes: Sequence[IndexRecord] = (),
    updated: Collection[str] = (),
    seed: int,
) -> Summary:
    """Compare the systems by document or section, give the verdict, and break the gain down by slice and seed.

    ``lexical``, the run of BM25, gives the slices by overlap of query and answer; ``seeds`` are systems that are one recipe
    with different seeds. The method is one of ``verdict.judge``, or None if nothing was trained; ``why_base`` is
    why training shipped the base, if it did. ``worded`` are models whose vectors hold words: extractive queries favour them
    as they favour BM25. ``indexes`` are what approximate indexes find. Queries that
    documents of ``updated`` answer are a slice of their own.
    """
    grouping = group_queries(labelled, passages)
    scores = as_arrays(values)
    decisive = [pair for pair in VERDICT_PAIRS if set(pair) <= scores.keys()]
    pairs = list(dict.fromkeys([*decisive, *pairs_to_compare(list(scores))]))
    found: Comparisons = compare(scores, pairs, grouping.labels, seed=seed)
    if are_extractive(labelled.queries):
        found = without_word_bias(found, worded)
    if method and "tuned" in scores:
        verdict = judge(found, method=method, clustered_by=f"{grouping.unit}s")
    else:
        verdict = judge_base(found, trained=method is not None, why=why_base, clustered_by=f"{grouping.unit}s")
    enough = grouping.n_clusters >= FEWEST_CLUSTERS
    more = [*open_gains(found), *lexical_objection(found), *reranking_advice(found, verdict.decision)] if enough else []
    more += index_objections(found, indexes)
    return Summary(
        grouping.unit,
        grouping.n_clusters,
        _rows(found),
        verdict.model_copy(update={"reasons": [*verdict.reasons, *more]}),
        _slices(scores, query_labels(lexical, labelled, grouping, updated), grouping, seed),
        _across_seeds(scores, seeds, grouping, method=method, seed=seed) if method and seeds else None,
    )


def _across_seeds(
    scores: SystemScores, seeds: Sequence[str], grouping: Grouping, *, method: str, seed: int
) -> SeedsRecord:
    """Judge the recipe rather than one model: each query's score is averaged over the seeds before the comparison."""
    averaged = {measure: average_seeds([scores[name][measure] for name in seeds]) for measure in scores["base"]}
    found = compare({"base": scores["base"], "tuned": averaged}, [("tuned", "base")], grouping.labels, seed=seed)
    means = {measure: [float(scores[name][measure].mean()) for name in seeds] for measure in scores["base"]}
    return SeedsRecord(
        systems=list(seeds),
        means={measure: round(float(np.mean(values)), 6) for measure, values in means.items()},
        deviations={
            measure: round(float(np.std(values, ddof=1)), 6) if len(values) > 1 else None
            for measure, values in means.items()
        },
        comparisons=_rows(found),
        verdict=judge(found, method=method, clustered_by=f"{grouping.unit}s"),
    )


def _rows(comparisons: Comparisons) -> list[Comparison]:
    return [comparison.rounded() for measures in comparisons.values() for comparison in measures.values()]


def as_arrays(values: Mapping[str, PerQuery]) -> dict[str, dict[str, Floats]]:
    """Return the scores as arrays, queries in the order of the qrels."""
    return {
        system: {measure: np.array(list(scores.values())) for measure, scores in measures.items()}
        for system, measures in values.items()
    }


def query_labels(
    lexical: Run, labelled: QuerySet, grouping: Grouping, updated: Collection[str] = ()
) -> dict[str, list[str]]:
    """Return the slices of ``metrics.json``: what they are by → label of each query, in the order of the qrels.

    ``lexical`` is the run of BM25, ``updated`` are documents that an update added or changed.
    """
    by_id = {query.query_id: query for query in labelled.queries}
    queries = [by_id[query_id] for query_id in labelled.qrels]
    return {
        "kind": [query.kind for query in queries],
        "lexical_overlap": slices.by_overlap(first_ranks(labelled.qrels, lexical)),
        "length": slices.by_length(queries),
        "document": grouping.documents,
        "updated": ["new" if document in updated else "earlier" for document in grouping.documents],
    }


def _slices(scores: SystemScores, labels: Mapping[str, Sequence[str]], grouping: Grouping, seed: int) -> list[Slice]:
    """Return a slice for each pair and label; labels that all queries share are left out, and documents of few queries."""
    rows = []
    for pair in sliced_pairs(scores.keys(), before=BEFORE):
        for by, names in labels.items():
            if len(set(names)) == 1:
                continue
            found = slices.summarise(by, names, scores, pair, grouping.labels, seed=seed)
            rows += [
                row.rounded()
                for row in sorted(found, key=_order)
                if by != "document" or (row.name and row.n_queries >= slices.MIN_QUERIES)
            ]
    return rows


def _order(row: Slice) -> tuple[int, int]:
    """Order ranges as numbers, and names by the number of queries."""
    return (_RANGES.index(row.name), 0) if row.name in _RANGES else (len(_RANGES), -row.n_queries)
