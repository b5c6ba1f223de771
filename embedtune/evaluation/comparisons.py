"""What the scores of all systems say, as JSON values: comparisons, verdict, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embedtune.evaluation import slices
from embedtune.evaluation.grouping import Grouping, group_queries
from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.seeds import average_seeds, spread
from embedtune.evaluation.significance import Comparison, SystemScores, compare
from embedtune.evaluation.verdict import PAIRS as VERDICT_PAIRS
from embedtune.evaluation.verdict import PRIMARY, Comparisons, judge, judge_base, lexical_objection, reranking_advice
from embedtune.retrieval.ranks import first_relevant
from embedtune.systems import Pair, pairs_to_compare, sliced_pairs
from embedtune.types import Floats, Passage, Qrels, QuerySet, Run

_RANGES = ("1", "2-10", ">10", "1-3", "4-8", "9+")


def summarise(
    values: Mapping[str, PerQuery],
    lexical: Run,
    labelled: QuerySet,
    passages: Sequence[Passage],
    *,
    seeds: Sequence[str] = (),
    method: str = "symmetric",
    seed: int,
) -> dict[str, Any]:
    """Compare the systems by document or section, give the verdict, and look where the gain comes from and how seeds differ.

    Args:
        values: Scores of each system; those that are no system of a run are compared with base and tuned.
        lexical: The run of BM25, by which slices tell how many words query and answer share.
        labelled: The queries with their judgements.
        passages: The corpus.
        seeds: Systems that are one recipe with different seeds, if there are several.
        method: ``symmetric`` or ``query_side``, as ``verdict.judge`` takes it.
        seed: Of all resamples.
    """
    grouping = group_queries(labelled, passages)
    scores = as_arrays(values)
    found = compare(scores, _pairs(list(scores)), grouping.labels, seed=seed)
    verdict = judge(found, method=method, clustered_by=f"{grouping.unit}s") if "tuned" in scores else judge_base(found)
    more = [*lexical_objection(found), *reranking_advice(found, verdict.decision)]
    verdict = verdict._replace(reasons=[*verdict.reasons, *more])
    facts = {
        "clustered_by": grouping.unit,
        "n_clusters": grouping.n_clusters,
        "comparisons": _rows(found),
        "verdict": verdict._asdict(),
        "slices": _slice_rows(scores, query_labels(lexical, labelled, grouping), grouping, seed),
    }
    return facts | ({"seeds": _across_seeds(scores, seeds, grouping, method=method, seed=seed)} if seeds else {})


def _pairs(systems: Sequence[str]) -> list[Pair]:
    """Return the pairs to compare, those of the verdict first."""
    decisive = [pair for pair in VERDICT_PAIRS if set(pair) <= set(systems)]
    return list(dict.fromkeys([*decisive, *pairs_to_compare(systems)]))


def _across_seeds(
    scores: SystemScores, seeds: Sequence[str], grouping: Grouping, *, method: str, seed: int
) -> dict[str, Any]:
    """Judge the recipe in place of one model: each query's score is averaged over the seeds first; beside it their spread."""
    averaged = {measure: average_seeds([scores[name][measure] for name in seeds]) for measure in scores["base"]}
    found = compare({"base": scores["base"], "tuned": averaged}, [("tuned", "base")], grouping.labels, seed=seed)
    spreads = {measure: spread([float(scores[name][measure].mean()) for name in seeds]) for measure in scores["base"]}
    return {
        "systems": list(seeds),
        "means": {measure: _rounded(each.mean) for measure, each in spreads.items()},
        "deviations": {measure: _rounded(each.deviation) for measure, each in spreads.items()},
        "comparisons": _rows(found),
        "verdict": judge(found, method=method, clustered_by=f"{grouping.unit}s")._asdict(),
    }


def _rows(found: Comparisons) -> list[dict[str, Any]]:
    return [comparison_row(each) for measures in found.values() for each in measures.values()]


def as_arrays(values: Mapping[str, PerQuery]) -> dict[str, dict[str, Floats]]:
    """Return the scores as arrays, queries in the order of the qrels."""
    return {
        system: {measure: np.array(list(scores.values())) for measure, scores in measures.items()}
        for system, measures in values.items()
    }


def comparison_row(found: Comparison) -> dict[str, Any]:
    """Return a comparison under the names of the contract: a is the system, b the reference."""
    return {
        "a": found.system,
        "b": found.reference,
        "measure": found.measure,
        "delta": _rounded(found.difference),
        "ci95": [_rounded(found.low), _rounded(found.high)],
        "p_value": _rounded(found.p),
        "p_holm": _rounded(found.p_holm),
        "p_mcnemar": _rounded(found.p_mcnemar),
        "n_changed": found.n_changed,
        "detectable": _rounded(found.detectable),
    }


def lexical_ranks(qrels: Qrels, lexical: Run) -> list[int | None]:
    """Return where BM25 has the first relevant unit of each query, from 1; None where it returns none."""
    return [first_relevant(grades, lexical.get(query_id, {})) for query_id, grades in qrels.items()]


def query_labels(lexical: Run, labelled: QuerySet, grouping: Grouping) -> dict[str, list[str]]:
    """Return the label of each query, in the order of the qrels, by what it says: the slices of ``metrics.json``.

    Args:
        lexical: The run of BM25.
        labelled: The queries with their judgements.
        grouping: Their documents.
    """
    by_id = {query.query_id: query for query in labelled.queries}
    queries = [by_id[query_id] for query_id in labelled.qrels]
    return {
        "kind": slices.by_kind(queries),
        "lexical_overlap": slices.by_overlap(lexical_ranks(labelled.qrels, lexical)),
        "length": slices.by_length(queries),
        "document": grouping.documents,
    }


def _slice_rows(
    scores: SystemScores, labels: Mapping[str, Sequence[str]], grouping: Grouping, seed: int
) -> list[dict[str, Any]]:
    """Return one row for each pair and slice; a label that all queries share says nothing, nor does a document of few."""
    rows = []
    for system, reference in sliced_pairs(scores.keys()):
        base, tuned = scores[reference][PRIMARY], scores[system][PRIMARY]
        for by, names in labels.items():
            found = slices.summarise(names, base, tuned, grouping.labels, seed=seed) if len(set(names)) > 1 else []
            rows += [
                {"a": system, "b": reference, "measure": PRIMARY, "by": by, **_slice_row(each)}
                for each in sorted(found, key=_place)
                if by != "document" or (each.name and each.n_queries >= slices.MIN_QUERIES)
            ]
    return rows


def _place(found: slices.Slice) -> tuple[int, int]:
    """Order numbers as numbers and names by how many queries they have."""
    return (_RANGES.index(found.name), 0) if found.name in _RANGES else (len(_RANGES), -found.n_queries)


def _slice_row(found: slices.Slice) -> dict[str, Any]:
    certain = found.low is not None
    return {
        "slice": found.name,
        "n_queries": found.n_queries,
        "mean_a": _rounded(found.tuned),
        "mean_b": _rounded(found.base),
        "delta": _rounded(found.difference),
        "ci95": [_rounded(found.low), _rounded(found.high)] if certain else None,
        "p_value": _rounded(found.p),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
