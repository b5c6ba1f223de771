"""What is there without any training, and what seconds of it would add: BM25, base, fusions, maps of the query."""

from __future__ import annotations

from typing import NamedTuple

from embedtune.advise.evaluator import Judge, Scores, lexical_scores
from embedtune.advise.trial import MIN_QUERIES
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, reciprocal_rank, z_score_sum
from embedtune.systems import BASE, System
from embedtune.training.methods.context import Context
from embedtune.training.methods.query_adapters import tune_by_principal_directions, tune_linear_map
from embedtune.training.methods.teacher import prepare_distillation
from embedtune.types import Matrix, Run


class Systems(NamedTuple):
    """What every system scored on the sample.

    Attributes:
        scores: System → scores.
        runs: System → its run.
        compared: Pair → comparison by the primary measure: each system with its reference, the fusion also with BM25.
    """

    scores: dict[str, Scores]
    runs: dict[str, Run]
    compared: dict[tuple[str, str], Comparison]


def measure_systems(judge: Judge, context: Context) -> Systems:
    """Search the sample with every system; the maps are tried where there are enough train queries.

    Fusions have the usual weight: ``train`` chooses one on dev, but here none is chosen on the queries that judge.
    """
    lexical, dense = lexical_scores(context.dev), context.retrieval.base
    runs = {"bm25": judge.run(lexical, floor=0.0), "base": judge.run(dense)}
    mapped = _maps(context)
    runs |= {name: judge.run(scores) for name, scores in mapped.items()}
    runs |= {
        "hybrid_base": judge.run(z_score_sum(dense, lexical, DEFAULT_WEIGHT)),
        "rrf_base": judge.run(reciprocal_rank(dense, lexical)),
    }
    if "query_adapter" in mapped:
        runs["hybrid_query_adapter"] = judge.run(z_score_sum(mapped["query_adapter"], lexical, DEFAULT_WEIGHT))
    scores = {system: judge.score(run) for system, run in runs.items()}
    pairs = [(name, str(System.parse(name).reference)) for name in runs if name != BASE]
    return Systems(scores, runs, judge.compare(scores, [*pairs, ("hybrid_base", "bm25")]))


def _maps(context: Context) -> dict[str, Matrix]:
    if len(context.dataset.splits["train"].queries) < MIN_QUERIES:
        return {}
    try:
        return {
            "base_pca": tune_by_principal_directions(context, "pca").dense,
            "query_adapter": tune_linear_map(context, "linear").dense,
        }
    finally:
        prepare_distillation.cache_clear()
