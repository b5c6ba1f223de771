"""Systems on a sample: BM25, the base, fusions and query adapters; and whether more train queries would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from embedtune.advise.evaluator import Evaluator, Scores
from embedtune.advise.inputs import CachingEncoder
from embedtune.advise.result import Scaling, ScalingPoint
from embedtune.config.settings import GenerateConfig
from embedtune.config.training import QuerySideConfig, TrainConfig
from embedtune.dataset import Dataset
from embedtune.errors import DataError, StoppedError
from embedtune.evaluation.significance import compare
from embedtune.evaluation.verdict import PRIMARY
from embedtune.models.encoder import load_encoder
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import PassageScores
from embedtune.retrieval.windows import windows_of
from embedtune.systems import BASE, System, find_kind
from embedtune.training.dev_set import DevSet
from embedtune.training.methods.context import Context
from embedtune.training.methods.gradient import tune_query_lora
from embedtune.training.methods.query_adapters import tune_linear, tune_pca
from embedtune.types import Floats, Matrix, Query, QuerySet, Run

MIN_QUERIES = 64
"""Train queries below which no adapter is tried: there would be fewer than four steps of sixteen."""

SHARES = (0.25, 0.5, 1.0)
MAX_SCALING_QUERIES = 1024
"""Train queries of the largest share: sixteen steps of 64."""


def trial_config(n_queries: int, seed: int) -> TrainConfig:
    """Return the settings of a small training, at full strength only: nothing is selected on the evaluation queries."""
    batch = min(QuerySideConfig().batch_size, max(1, n_queries // 4))
    return TrainConfig(method="linear", strengths=(1.0,), n_evals=1, query_side={"batch_size": batch}, seed=seed)


def build_context(
    evaluator: Evaluator, train: QuerySet, base: CachingEncoder, *, dataset_config: GenerateConfig, base_folder: Path
) -> Context:
    """Search the sample with the base, and return the context in which training methods are tried.

    The queries of the sample are its dev queries; the passages of the train queries are in the sample.
    """
    dev = evaluator.dev_set(
        lambda passages: windows_of(passages, base, dataset_config.window_tokens, dataset_config.window_overlap)
    )
    empty = QuerySet("", [], {}, "passage")
    return Context(
        config=trial_config(len(train.queries), dataset_config.seed),
        dataset_config=dataset_config,
        dataset=Dataset(evaluator.sample.passages, {"train": train, "dev": empty, "test": empty}),
        base=base,
        encode_corpus=base.encode_documents,
        base_folder=base_folder,
        load_base=lambda: load_encoder(base_folder, dataset_config, base.precision).model,
        dev_set=dev,
    )


class Systems(NamedTuple):
    """Results of all systems on the sample."""

    scores: dict[str, Scores]  # system → scores
    runs: dict[str, Run]  # system → its run
    # Pair → comparison by the primary measure: each system with its reference, the fusion also with BM25
    compared: dict[tuple[str, str], Comparison]


def measure_systems(evaluator: Evaluator, context: Context) -> Systems:
    """Search the sample with every system; adapters are tried if there are enough train queries.

    Fusions have the default weight: ``train`` selects one on dev, but here none is selected on the evaluation queries.
    """
    lexical, dense = lexical_scores(context.dev), {BASE: context.retrieval.base}
    if len(context.dataset.splits["train"].queries) >= MIN_QUERIES:
        dense |= {"base_pca": tune_pca(context).dense, "query_adapter": tune_linear(context).dense}

    def run(system: System) -> Run:
        kind = find_kind(system.kind)
        scores = PassageScores(lambda: dense[system.model], lambda: lexical)
        return evaluator.run(kind.scores(scores), kind.floor)

    tried = map(System.parse, ("bm25", *dense, "hybrid_base", "rrf_base", "hybrid_query_adapter"))
    runs = {str(system): run(system) for system in tried if system.model in ("", *dense)}
    scores = {system: evaluator.score(run) for system, run in runs.items()}
    pairs = [(name, str(System.parse(name).reference)) for name in runs if name != BASE]
    return Systems(scores, runs, evaluator.compare(scores, [*pairs, ("hybrid_base", "bm25")]))


def lexical_scores(dev: DevSet) -> Matrix:
    """Return BM25's scores of all passages, ``(n_queries, n_passages)``."""
    return dev.lexical_scores(lambda passages, queries: BM25(passages).scores(queries))


def measure_scaling(evaluator: Evaluator, context: Context) -> Scaling:
    """Train LoRA on the query side with growing shares of the train queries, the same number of steps each.

    Raises:
        DataError: If there are too few train queries.
        StoppedError: After Ctrl-C or SIGTERM.
    """

    def score(dense: Matrix) -> Floats:
        return evaluator.score(evaluator.run(dense))[PRIMARY]

    queries = context.dataset.splits["train"].queries
    if len(queries) < MIN_QUERIES:
        raise DataError(
            f"{context.dataset_config.source}: expected {MIN_QUERIES} synthetic train queries for --scaling, "
            f"found {len(queries)}",
            hint="add documents, or leave --scaling out",
        )
    base = score(context.retrieval.base)
    order = np.random.default_rng(context.config.seed).permutation(len(queries))[:MAX_SCALING_QUERIES].tolist()
    gains = {}
    for share in SHARES:
        part = [queries[number] for number in sorted(order[: max(1, round(share * len(order)))])]
        try:
            batch, epochs = min(context.config.query_side.batch_size, len(part)), round(1 / share)
            side = context.config.query_side.model_copy(update={"epochs": epochs, "batch_size": batch})
            config = context.config.model_copy(update={"query_side": side})
            tuned = tune_query_lora(replace(with_queries(context, part), config=config))
            gains[len(part)] = score(tuned.dense) - base
        except StoppedError as error:
            raise StoppedError(
                "stopped; advice keeps nothing and starts from the beginning", error.signal_number
            ) from error
    return summarise_scaling(gains, evaluator.clusters)


def with_queries(context: Context, queries: Sequence[Query]) -> Context:
    """Return the context with some of its train queries."""
    train = context.dataset.splits["train"].subset(queries)
    return replace(context, dataset=Dataset(context.dataset.passages, {**context.dataset.splits, "train": train}))


def summarise_scaling(gains: Mapping[int, Floats], clusters: Sequence[str]) -> Scaling:
    """Return the mean gain for each number of train queries, and its growth with every doubling of them.

    ``gains`` has the gain over the base of each evaluation query, ``(n_queries,)``, for at least two numbers of train queries.
    The slope is that of the least-squares line through each query's gains over the binary logarithm of the number of train
    queries; its mean over queries is tested by cluster.
    """
    doublings = np.log2(np.array(list(gains), dtype=np.float64))
    centred = doublings - doublings.mean()
    slope = centred @ np.stack(list(gains.values())) / (centred @ centred)
    rows = {**{str(count): {PRIMARY: row} for count, row in gains.items()}, "slope": {PRIMARY: slope}}
    scores = {**rows, BASE: {PRIMARY: np.zeros_like(slope)}}
    compared = compare(scores, [(name, BASE) for name in rows], clusters)
    *by_count, growth = (measures[PRIMARY] for measures in compared.values())
    return Scaling(
        points=[
            ScalingPoint(train_queries=n, gain=round(gain.difference, 4), ci95=_rounded(gain))
            for n, gain in zip(gains, by_count, strict=True)
        ],
        slope_per_doubling=round(growth.difference, 4),
        ci95=_rounded(growth),
        standard_error=round(growth.error, 4),
        p_value=round(growth.p, 4),
        distinguishable=growth.better or growth.worse,
    )


def _rounded(gain: Comparison) -> tuple[float, float] | None:
    return (round(gain.low, 4), round(gain.high, 4)) if gain.ci95 else None
