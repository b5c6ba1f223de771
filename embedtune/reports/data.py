"""The data of a report: all that ``report.json`` holds and the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from embedtune.config.settings import EvaluateConfig
from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord
from embedtune.project.manifest import Manifest, library_versions
from embedtune.project.records import (
    CandidateRecord,
    ChecksRecord,
    DatasetRecord,
    DevRecord,
    Record,
    Side,
    WindowRecord,
)
from embedtune.project.trained_run import TrainedRun
from embedtune.redaction import redact
from embedtune.reports.figures import HitRates, Intervals, ScoreHistograms, thinned


class DatasetData(Record):
    """The dataset; fields as in ``DatasetRecord``."""

    documents: int
    skipped: int
    passages: int
    queries: dict[str, dict[str, int]]
    split_by: str
    window: WindowRecord | None = None


class TrainingData(Record):
    """The training; fields as in ``ModelRecord``, but ``losses`` are (step, loss) pairs, averaged if there are many."""

    candidates: list[CandidateRecord] = Field(default_factory=list)
    shipped: Side
    method: str = ""
    passages: Side = "tuned"
    quantize: str = ""
    strength: float = 1.0
    fusion_weights: dict[str, float] = Field(default_factory=dict)
    dev: DevRecord | None = None
    checks: ChecksRecord | None = None
    losses: list[tuple[float, float]] = Field(default_factory=list)
    n_losses: int = 0


class LlmData(Record):
    """The calls of a language model and their cost, for the run folder as a whole."""

    model: str
    calls: int
    answered: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


class StageData(Record):
    """When and where a stage ran; fields as in ``Circumstances``."""

    started: str | None = None
    duration_s: float | None = None
    python: str | None = None
    system: str | None = None
    cpus: int | None = None


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
    """A query that changed.

    Attributes:
        query_id: Id.
        query: Text.
        kind: How it was made.
        score_a: Score with system a.
        score_b: Score with system b.
        rank_a: Rank of the best relevant unit with system a; None if it was not found.
        rank_b: The same with system b.
        passages: What each system finds first.
    """

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
    """What does not depend on the queries.

    Attributes:
        title: Name of the source.
        base_model: Name of the base model.
        dataset: The dataset.
        training: The training.
        llm: Present if a language model generated queries.
        settings: Stage → settings.
        versions: Library → version.
        made: Stage → when and where.
    """

    schema_version: int = 1
    title: str
    base_model: str
    dataset: DatasetData
    training: TrainingData
    llm: LlmData | None
    settings: dict[str, dict[str, object]]
    versions: dict[str, str]
    made: dict[str, StageData]


class ReportData(Background):
    """The report of one query set: its measures, and figures that no other file holds."""

    metrics: QuerySetRecord
    intervals: Intervals
    hit_rate: HitRates
    scores: ScoreHistograms
    examples: Examples | None


class OverviewData(Background):
    """The report over several query sets."""

    measure: str
    metrics: EvaluationRecord


def background(run: TrainedRun, config: EvaluateConfig) -> Background:
    """Return what a report shows of dataset and training.

    Times and machine are those that the manifests of dataset and model recorded, so the same run gives the same bytes whenever
    it is evaluated; those of the evaluation itself are in its own manifest only.
    """
    dataset, model = run.dataset, run.model
    losses = model.record.losses
    return Background(
        schema_version=1,
        title=Path(dataset.record.source or run.settings.source or "").name or "dataset",
        base_model=_name(run.settings.model),
        dataset=DatasetData.from_json(dataset.record.as_json()),
        training=TrainingData.from_json(
            {"candidates": []} | model.record.as_json() | {"losses": thinned(losses), "n_losses": len(losses)}
        ),
        llm=_llm(dataset),
        settings={
            "generate": _redacted(dataset.identity.config),
            "train": _redacted(model.identity.config),
            "eval": config.model_dump(mode="json", exclude={"queries", "models", "forgetting"}),
        },
        versions=library_versions(),
        made={
            "generate": StageData.from_json(dataset.circumstances.as_json()),
            "train": StageData.from_json(model.circumstances.as_json()),
            "eval": StageData(),
        },
    )


def _name(model: str) -> str:
    """Return the name of a model on the hub, or that of its folder without the path."""
    return Path(model).name if Path(model).exists() else redact(model)


def _llm(dataset: Manifest[DatasetRecord]) -> LlmData | None:
    record, costs = dataset.record.llm, dataset.circumstances.llm
    if not record:
        return None
    return LlmData.from_json({"cost": None} | record.as_json() | (costs.as_json() if costs else {}))


def _redacted(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: _redacted_value(value) for name, value in settings.items()}


def _redacted_value(value: object) -> object:
    if isinstance(value, Mapping):
        return _redacted(value)
    if isinstance(value, list):
        return [_redacted_value(each) for each in value]
    return redact(value) if isinstance(value, str) else value
