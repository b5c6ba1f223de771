"""A run's own page: which run this is, what was measured, and what to do with it. No model is loaded for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from embedtune.errors import EmbedtuneError
from embedtune.evaluation.decision import Decision, decide
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats import beir
from embedtune.pipeline.status import Status, read_status
from embedtune.pipeline.verify import StageState, verify_run
from embedtune.project.evaluation_records import (
    AuditRecord,
    Comparison,
    EvaluationRecord,
    ForgettingRecord,
    QuerySetRecord,
)
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import MANIFEST, Manifest, read_manifest
from embedtune.project.records import DatasetRecord, Measures, ModelRecord, Record
from embedtune.project.trained_run import TrainedRun, dataset_settings
from embedtune.reports.sections import decision as in_words
from embedtune.snippets.rendering import Plug, render
from embedtune.snippets.routes import TARGETS, all_routes, read_facts
from embedtune.systems import BASE, System, in_order
from embedtune.ui.evaluations import read_evaluations
from embedtune.ui.roots import Root
from embedtune.ui.views import biggest, changes

MEASURES = (PRIMARY, "mrr@10", "hit_rate@5", "recall@100")
_LONGEST_DOCUMENTS = 5


class SystemRow(NamedTuple):
    """A row of the table; ``gain``: what the system gains over the base, or the base's fusion over it."""

    system: str
    label: str
    values: Measures
    gain: Comparison | None


class Results(NamedTuple):
    """What was measured on one query set; ``headline``: the verdict in ``words``, and ``css`` to colour it."""

    name: str
    record: QuerySetRecord
    headline: dict[str, str]
    rows: list[SystemRow]
    findings: list[AuditRecord]


class RunView(NamedTuple):
    """What the page of a run shows.

    Attributes:
        decision: Which system to use; None before training.
        sets: The results on each query set, the one that decided first.
        suggestions: Queries to click, each with why.
        has: Names of the files that can be opened.
        problem: Why a part of the run cannot be shown; empty where all can.
    """

    dataset: Manifest[DatasetRecord] | None
    model: Manifest[ModelRecord] | None
    decision: Decision | None
    sets: list[Results]
    forgetting: ForgettingRecord | None
    evaluated: str
    suggestions: list[tuple[str, str]]
    has: list[str]
    problem: str


def read_view(run: Path) -> RunView:
    """Read what a run's page shows; what cannot be read is told, and the rest is shown."""
    dataset = model = evaluation = decision = None
    problems = []
    try:
        if (run / DATASET / MANIFEST).is_file():
            dataset = read_manifest(run / DATASET, DatasetRecord)
        if (run / MODEL / MANIFEST).is_file():
            model = read_manifest(run / MODEL, ModelRecord)
        if (run / EVAL / MANIFEST).is_file():
            evaluation = read_manifest(run / EVAL, EvaluationRecord)
        if dataset and model:
            decision = decide(TrainedRun(run, dataset, model, dataset_settings(dataset)))
    except EmbedtuneError as error:
        problems.append(str(error))
    sets = [_results(name, record) for name, record in evaluation.record.sets.items()] if evaluation else []
    if decision:
        sets.sort(key=lambda each: each.name != decision.queries)
    return RunView(
        dataset,
        model,
        decision,
        sets,
        evaluation.record.forgetting or (sets[0].record.forgetting if sets else None) if evaluation else None,
        (evaluation.circumstances.started or "") if evaluation else "",
        _suggestions(run),
        [name for name in ("report.html", "model_card.md") if (run / EVAL / name).is_file()],
        "; ".join(problems),
    )


def _results(name: str, record: QuerySetRecord) -> Results:
    rows = [
        SystemRow(system, System.parse(system).label, record.systems[system], _gain(record, system))
        for system in in_order(record.systems.keys())
    ]
    findings = [audit for audit in record.audits if audit.severity != "ok"]
    return Results(name, record, in_words(record.verdict.decision), rows, findings)


def _gain(record: QuerySetRecord, system: str) -> Comparison | None:
    """Return the comparison that says most about a system: with the base if there is one, else with what it builds on."""
    found = [row for row in record.comparisons if row.system == system and row.measure == PRIMARY]
    return next((row for row in found if row.reference == BASE), found[0] if found else None)


def _suggestions(run: Path) -> list[tuple[str, str]]:
    """Return three queries: the biggest gain and loss of the evaluation and one that stayed, or any of the test queries."""
    try:
        evaluation = next(iter(read_evaluations(run).values()))
        found = (
            changes(evaluation, PRIMARY)
            if {"tuned", BASE} <= evaluation.values.keys()
            else changes(evaluation, PRIMARY, "hybrid_base")
        )
        gained, lost = biggest(found, 3, losses=False), biggest(found, 3, losses=True)
        same = [change for change in found if change.gain == 0]
        chosen = [*((each, "gained most") for each in gained[:1]), *((each, "lost most") for each in lost[:1])]
        rest = [
            *((each, "gained") for each in gained[1:]),
            *((each, "unchanged") for each in same[:3]),
            *((each, "lost") for each in lost[1:]),
        ]
        return [(change.query.text, why) for change, why in [*chosen, *rest][:3]]
    except (EmbedtuneError, KeyError):
        pass
    try:
        return [(query.text, query.kind) for query in beir.read_queries(run / DATASET)[-3:]]
    except (EmbedtuneError, OSError):
        return []


class Standing(NamedTuple):
    """Where a run stands: its stages, and where its documents may be read, what has changed there."""

    stages: list[StageState]
    status: Status | None


def read_standing(run: Path, root: Root) -> Standing:
    """Compare every byte of a run with its manifests, and the run with its documents where they are below the root.

    Raises:
        DataError: If no stage has run there.
    """
    source = (
        read_manifest(run / DATASET, Record).circumstances.source or "" if (run / DATASET / MANIFEST).is_file() else ""
    )
    try:
        root.name_of(Path(source))
        root.place(root.name_of(Path(source)))
    except EmbedtuneError:
        return Standing(verify_run(run), None)
    status = read_status(run)
    return Standing(status.stages, status)


class Code(NamedTuple):
    """How a target loads a run: ``plug`` is None where it cannot, and ``reasons`` say why or what to know."""

    target: str
    title: str
    plug: Plug | None
    reasons: tuple[str, ...]
    checkable: bool


def read_codes(run: Path) -> list[Code]:
    """Return the code for each framework and server.

    Raises:
        DataError: If a stage is missing.
        IntegrityError: If dataset or model were changed since they were written.
    """
    facts = read_facts(run)
    return [
        Code(
            name,
            TARGETS[name].title,
            render(facts, name) if route.loads else None,
            route.reasons,
            bool(route.loads) and TARGETS[name].kind != "server",
        )
        for name, route in all_routes(facts).items()
    ]


def named_stages(states: list[StageState]) -> Mapping[str, str]:
    """Return stage → its state in a sentence."""
    words = {
        "whole": "up to date",
        "absent": "not there",
        "changed": "changed by hand: {files}",
        "stale": "stale: {files} changed since",
    }
    return {each.stage: words[each.state].format(files=", ".join(each.files[:_LONGEST_DOCUMENTS])) for each in states}
