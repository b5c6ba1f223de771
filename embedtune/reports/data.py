"""The data of a report: all that ``report.json`` holds and the page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from embedtune.config.settings import EvaluateConfig
from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.resampling import bootstrap_interval, sum_by_cluster
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord
from embedtune.project.manifest import Circumstances, library_versions
from embedtune.project.records import DatasetRecord, ModelRecord, Record
from embedtune.project.trained_run import TrainedRun
from embedtune.redaction import redact
from embedtune.types import Floats, Qrels, Run

DEEPEST = 100
"""The hit rate is shown up to this k."""

MOST_LOSSES = 200
"""Points of the loss curve; more steps than that are averaged in stretches."""

_BINS = 24
_GRID = 20  # the histogram begins and ends at a twentieth


class HitRates(Record):
    """The hit rate of each system at each k."""

    k: list[int]
    systems: dict[str, list[float]]


class ScoreCounts(Record):
    """How many queries of one system have their best relevant unit, and their best other one, in each range of scores.

    ``n_above`` counts queries whose relevant unit scores higher than every other one, ``n_absent`` those that lack one.
    """

    right: list[int]
    wrong: list[int]
    n_above: int
    n_absent: int


class ScoreHistograms(Record):
    """Histograms over common ranges; there is one edge more than there are ranges."""

    edges: list[float]
    systems: dict[str, ScoreCounts]


class Intervals(Record):
    """The 95 % interval of each system's mean of a measure; None if the queries cannot give one."""

    measure: str
    systems: dict[str, tuple[float, float] | None]


def hit_rate_by_k(ranks: Mapping[str, Sequence[int | None]]) -> HitRates:
    """Return the share of queries with a relevant unit among the first k, for k from 1 to 100, given their best ranks."""
    systems = {}
    for system, found in ranks.items():
        counts = np.bincount([rank for rank in found if rank and rank <= DEEPEST], minlength=DEEPEST + 1)[1:]
        systems[system] = [round(value, 6) for value in (np.cumsum(counts) / max(1, len(found))).tolist()]
    return HitRates(k=list(range(1, DEEPEST + 1)), systems=systems)


def score_histograms(qrels: Qrels, runs: Mapping[str, Run]) -> ScoreHistograms:
    """Count how the best relevant and the best other unit of each query score, over common ranges."""
    best = {
        system: [_best(grades, run.get(name, {})) for name, grades in qrels.items()] for system, run in runs.items()
    }
    known = [value for pairs in best.values() for pair in pairs for value in pair if value is not None]
    low = np.floor(min(known, default=0.0) * _GRID) / _GRID
    high = max(np.ceil(max(known, default=1.0) * _GRID) / _GRID, low + 1 / _GRID)
    edges = np.linspace(low, high, _BINS + 1)
    return ScoreHistograms(
        edges=[round(float(edge), 6) for edge in edges],
        systems={
            system: ScoreCounts(
                right=_counts([right for right, _ in pairs], edges),
                wrong=_counts([wrong for _, wrong in pairs], edges),
                n_above=sum(right is not None and (wrong is None or right > wrong) for right, wrong in pairs),
                n_absent=sum(right is None for right, _ in pairs),
            )
            for system, pairs in best.items()
        },
    )


def _best(grades: Mapping[str, int], scores: Mapping[str, float]) -> tuple[float | None, float | None]:
    relevant = {unit for unit, grade in grades.items() if grade > 0}
    right = max((scores[unit] for unit in relevant if unit in scores), default=None)
    return right, max((score for unit, score in scores.items() if unit not in relevant), default=None)


def _counts(values: Sequence[float | None], edges: Floats) -> list[int]:
    counted, _ = np.histogram([value for value in values if value is not None], bins=edges)
    return [int(count) for count in counted]


def intervals(values: Mapping[str, PerQuery], clusters: Sequence[str], *, seed: int) -> Intervals:
    """Return a 95 % interval of each system's mean of the primary measure, over the document or section of each query."""
    if len(set(clusters)) == 1:
        return Intervals(measure=PRIMARY, systems=dict.fromkeys(values))
    data = sum_by_cluster(np.array([list(each[PRIMARY].values()) for each in values.values()]), clusters)
    ends = np.clip(bootstrap_interval(data, seed=seed), 0.0, 1.0).tolist()
    systems = {system: (round(low, 6), round(high, 6)) for system, (low, high) in zip(values, ends, strict=True)}
    return Intervals(measure=PRIMARY, systems=systems)


def thinned(losses: Sequence[float]) -> list[tuple[float, float]]:
    """Return (step, loss) pairs, at most ``MOST_LOSSES``: of more steps the means of stretches, each at its middle."""
    steps = np.arange(1, len(losses) + 1)
    stretches = np.array_split(np.column_stack([steps, losses]), min(MOST_LOSSES, len(losses)) or 1)
    return [
        (round(float(step), 1), round(float(loss), 4))
        for step, loss in (part.mean(axis=0) for part in stretches if len(part))
    ]


class TrainingData(ModelRecord):
    """The training; ``losses`` are (step, loss) pairs, averaged if there were many, ``n_losses`` of them."""

    losses: list[tuple[float, float]] = Field(default_factory=list)  # type: ignore[assignment]
    n_losses: int = 0


class ExamplePassage(Record):
    """A passage of an example; ``pieces`` are parts of its text, each with whether the query has these words too."""

    role: str
    right: bool
    id: str
    document: str
    title: str
    page: int | None
    pieces: list[tuple[str, bool]]


class Example(Record):
    """A query that changed between systems a and b; a rank is None if its best relevant unit was not found."""

    query_id: str
    query: str
    kind: str
    score_a: float
    score_b: float
    rank_a: int | None
    rank_b: int | None
    passages: list[ExamplePassage]


class Examples(Record):
    """The queries that changed most between system ``a`` and reference ``b``, with counts over all queries."""

    a: str
    b: str
    measure: str
    n_better: int
    n_worse: int
    n_same: int
    losses: list[Example]
    wins: list[Example]


class Background(Record):
    """What does not depend on the queries: of the records only what is shown; settings and circumstances by stage."""

    schema_version: int = 1
    title: str
    base_model: str
    dataset: DatasetRecord
    training: TrainingData
    llm: dict[str, object] | None
    settings: dict[str, dict[str, object]]
    versions: dict[str, str]
    made: dict[str, Circumstances]


class ReportData(Background):
    """The report of one query set: its measures, and figures that no other file holds."""

    metrics: QuerySetRecord
    use: str = ""  # the system of the decision, where this set alone decides
    intervals: Intervals
    hit_rate: HitRates
    scores: ScoreHistograms
    examples: Examples | None


class OverviewData(Background):
    """The report over several query sets."""

    measure: str
    metrics: EvaluationRecord
    use: str


_SHOWN_OF_DATASET = ("documents", "skipped", "passages", "queries", "split_by", "window")
_SHOWN_OF_TRAINING = (
    "candidates", "shipped", "method", "passages", "quantize", "strength", "fusion_weights", "dev", "checks",
)  # fmt: skip
_SHOWN_OF_LLM = ("model", "calls", "answered", "prompt_tokens", "completion_tokens", "cost")
_SHOWN_OF_STAGE = (
    "started",
    "duration_s",
    "python",
    "system",
    "cpus",
)  # no command line, which may name what is private


def background(run: TrainedRun, config: EvaluateConfig) -> Background:
    """Return what a report shows of dataset and training.

    Times and machine are those that the manifests of dataset and model recorded, so the same run gives the same bytes whenever
    it is evaluated; those of the evaluation itself are in its own manifest only.
    """
    dataset, model = run.dataset, run.model
    losses, llm = model.record.losses, dataset.record.llm
    costs = dataset.circumstances.llm
    training = _only(model.record.as_json() | {"candidates": model.record.candidates}, _SHOWN_OF_TRAINING)
    # The name of a model on the hub, or that of its folder without the path.
    name = run.settings.model
    return Background(
        schema_version=1,
        title=Path(dataset.record.source or run.settings.source or "").name or "dataset",
        base_model=Path(name).name if Path(name).exists() else redact(name),
        dataset=DatasetRecord.model_validate(_only(dataset.record.as_json(), _SHOWN_OF_DATASET)),
        training=TrainingData.model_validate(training | {"losses": thinned(losses), "n_losses": len(losses)}),
        llm=_only({"cost": None} | llm.as_json() | (costs.as_json() if costs else {}), _SHOWN_OF_LLM) if llm else None,
        settings={
            "generate": _redacted(dataset.identity.config),
            "train": _redacted(model.identity.config),
            "eval": config.model_dump(mode="json", exclude={"queries", "models", "forgetting"}),
        },
        versions=library_versions(),
        made={
            "generate": _shown_of(dataset.circumstances),
            "train": _shown_of(model.circumstances),
            "eval": Circumstances(),
        },
    )


def _shown_of(circumstances: Circumstances) -> Circumstances:
    return Circumstances.model_validate(_only(circumstances.as_json(), _SHOWN_OF_STAGE))


def _only(values: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    return {name: values[name] for name in names if name in values}


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    return redact(value) if isinstance(value, str) else value
