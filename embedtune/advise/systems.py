"""What is there without any training, and what seconds of it would add: BM25, base, fusions, maps of the query."""

from __future__ import annotations

from typing import NamedTuple

from embedtune.advise.evaluator import Judge, Scores, lexical_scores
from embedtune.advise.trial import MIN_QUERIES
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.fusion import PassageScores
from embedtune.systems import BASE, System, find_kind
from embedtune.training.methods.context import Context
from embedtune.training.methods.query_adapters import tune_linear, tune_pca
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
    lexical, dense = lexical_scores(context.dev), {BASE: context.retrieval.base, **_maps(context)}

    def run(system: System) -> Run:
        kind = find_kind(system.kind)
        scores = PassageScores(lambda: dense[system.model], lambda: lexical)
        return judge.run(kind.scores(scores), kind.floor)

    tried = map(System.parse, ("bm25", *dense, "hybrid_base", "rrf_base", "hybrid_query_adapter"))
    runs = {str(system): run(system) for system in tried if system.model in ("", *dense)}
    scores = {system: judge.score(run) for system, run in runs.items()}
    pairs = [(name, str(System.parse(name).reference)) for name in runs if name != BASE]
    return Systems(scores, runs, judge.compare(scores, [*pairs, ("hybrid_base", "bm25")]))


def _maps(context: Context) -> dict[str, Matrix]:
    if len(context.dataset.splits["train"].queries) < MIN_QUERIES:
        return {}
    return {"base_pca": tune_pca(context).dense, "query_adapter": tune_linear(context).dense}
