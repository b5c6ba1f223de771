"""Would more queries help? The query side is tuned with a quarter, half and all of the train queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from embedtune.advise.evaluator import Judge, Scores
from embedtune.advise.result import Scaling, ScalingPoint
from embedtune.dataset import Dataset
from embedtune.errors import StoppedError
from embedtune.evaluation.resampling import bootstrap_interval, guarded_errors, randomisation_p, sum_by_cluster
from embedtune.evaluation.significance import is_better, is_worse
from embedtune.evaluation.verdict import PRIMARY
from embedtune.training.methods.context import Context
from embedtune.training.methods.query_lora import tune_query_lora
from embedtune.types import Floats, Matrix, Query, QuerySet

SHARES = (0.25, 0.5, 1.0)
MAX_QUERIES = 1024
"""Train queries of the largest share; a step takes 64, so there are sixteen."""


def measure_scaling(judge: Judge, context: Context) -> Scaling:
    """Train LoRA on queries alone, the same number of steps each time, and return each gain and the slope of a doubling."""
    base = judge.score(judge.run(context.retrieval.base))[PRIMARY]
    train = context.dataset.splits["train"]
    order = np.random.default_rng(context.config.seed).permutation(len(train.queries))[:MAX_QUERIES].tolist()
    tuned: dict[float, Scores] = {}
    counts: dict[float, int] = {}
    for share in SHARES:
        part = [train.queries[number] for number in sorted(order[: max(1, round(share * len(order)))])]
        counts[share] = len(part)
        tuned[share] = judge.score(judge.run(_tune(_with_queries(context, part, share))))
    return summarise_scaling({counts[share]: scores[PRIMARY] - base for share, scores in tuned.items()}, judge.clusters)


def _tune(context: Context) -> Matrix:
    """Return dev scores of a tuned query side.

    Raises:
        StoppedError: After Ctrl-C or SIGTERM.
    """
    try:
        return tune_query_lora(context).dense
    except StoppedError as error:
        raise StoppedError(
            "stopped; advice keeps nothing and starts from the beginning", error.signal_number
        ) from error


def summarise_scaling(gains: Mapping[int, Floats], clusters: Sequence[str]) -> Scaling:
    """Return the mean gain for each number of train queries, and by how much it grows with every doubling of them.

    The slope is that of the least-squares line through each query's gains over the binary logarithm of the number of train
    queries; interval and p are those of its mean over queries, by document.

    Args:
        gains: Number of train queries → gain of each judging query over the base, ``(n_queries,)``; two numbers at least.
        clusters: Document or section of each judging query.
    """
    doublings = np.log2(np.array(list(gains), dtype=np.float64))
    centred = doublings - doublings.mean()
    rows = np.stack(list(gains.values()))
    slope = centred @ rows / (centred @ centred)
    data = sum_by_cluster(np.vstack([rows, slope]), clusters)
    ends, p, errors = bootstrap_interval(data), randomisation_p(data), guarded_errors(data)
    points = [
        ScalingPoint(train_queries=count, gain=round(float(data.means[row]), 4), ci95=_rounded(ends[row]))
        for row, count in enumerate(gains)
    ]
    low, high = ends[-1]
    return Scaling(
        points=points,
        slope_per_doubling=round(float(data.means[-1]), 4),
        ci95=_rounded(ends[-1]),
        standard_error=round(float(errors[-1]), 4),
        p_value=round(float(p[-1]), 4),
        distinguishable=is_better(float(p[-1]), low) or is_worse(float(p[-1]), high),
    )


def _with_queries(context: Context, queries: Sequence[Query], share: float) -> Context:
    """Return the context with some of its train queries, seen more often the fewer they are: the steps stay as many."""
    judged = context.dataset.splits["train"].qrels
    part = QuerySet("train", list(queries), {query.query_id: judged[query.query_id] for query in queries}, "passage")
    side = context.config.query_side.model_copy(
        update={"epochs": round(1 / share), "batch_size": min(context.config.query_side.batch_size, len(queries))}
    )
    return replace(
        context,
        config=context.config.model_copy(update={"query_side": side}),
        dataset=Dataset(context.dataset.passages, {**context.dataset.splits, "train": part}),
    )


def _rounded(ends: Floats) -> tuple[float, float]:
    low, high = ends
    return round(float(low), 4), round(float(high), 4)
