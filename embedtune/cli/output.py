"""What commands print on stdout: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from embedtune.cli.eval_output import print_evaluated
from embedtune.cli.generate_output import print_generated, print_llm_plan
from embedtune.cli.layout import echo_wrapped, print_columns, print_next

if TYPE_CHECKING:
    from embedtune.project.records import (
        CandidateRecord,
        DevRecord,
        ModelRecord,
        NegativesRecord,
        QueryAdapterRecord,
        WriterRecord,
    )
    from embedtune.project.search_records import SearchRecord
    from embedtune.project.stage import StageResult


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=os.fspath))


def as_document(stage: str, result: StageResult[Any]) -> dict[str, object]:
    """Return a stage's result as JSON values; the same whether it ran or was skipped."""
    return {"schema_version": 1, "stage": stage, "folder": str(result.folder), **result.as_json()}


_SHOWN = ("hit_rate@5", "mrr@10", "ndcg@10", "recall@100")


def print_query_adapter(result: StageResult[QueryAdapterRecord]) -> None:
    """Print what the adapter gained on dev, whether it was saved, and the test split with and without it."""
    record = result.record
    gain = _gain(record.dev)
    saved = f"a query adapter for {record.embedding}, strength {record.strength:g}, dev gain {gain}"
    if record.shipped != "tuned":
        saved = f"none; the queries of {record.embedding} stay as they are; dev gain {gain}, {record.reason}"
    echo_wrapped(f"saved: {saved}")
    rows = [(name, *(f"{values[measure]:.3f}" for measure in _SHOWN)) for name, values in record.test.items()]
    print_columns([("test", *_SHOWN), *rows])
    click.echo(str(result.folder))


def _gain(measured: DevRecord | CandidateRecord) -> str:
    return f"{measured.gain:+.3f} (standard error {measured.standard_error:.3f})"


def show_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a command counted."""
    if as_json:
        print_json({"schema_version": 1, **facts})
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<17}{'none' if value is None else value}")


def _training(record: ModelRecord) -> str:
    """Return what a model was trained on, and whether documents must be indexed again."""
    if record.pairs is not None:
        return f"{record.pairs} pairs, {record.steps} steps, frozen weights in {record.quantize}"
    unchanged = "document embeddings unchanged, no re-indexing"
    if record.queries is not None:
        return f"{record.queries} queries, {record.steps} steps, teacher {record.teacher}; {unchanged}"
    if record.directions is not None:
        return f"{record.directions} directions; {unchanged}"
    return f"hybrid vectors over {record.over}; you must re-index. Load: {record.loading}"


def print_trained(result: StageResult[ModelRecord]) -> None:
    """Print which model was saved, and why."""
    record = result.record
    echo_wrapped(f"{record.method}: {_training(record)}")
    if len(record.candidates) > 1:
        for tried in record.candidates:
            echo_wrapped(f"  {tried.method:<14}dev {_gain(tried)}: {tried.reason}", " " * 16)
    if dev := record.dev:
        strengths = ", ".join(f"{strength}: {value:.3f}" for strength, value in dev.by_strength.items())
        echo_wrapped(f"dev {dev.measure}, {dev.n_queries} queries: base {dev.base:.3f}; at strength α {strengths}")
        gain = f"dev {dev.measure} by {_gain(dev)}"
        if dev.held_out:
            gain += f" on {dev.held_out} queries that were held out"
        saved = f"candidate: tuned, at strength {record.strength:g}; it changed {gain}; the evaluation decides"
        if not record.is_tuned:
            saved = f"no candidate, the base stays: {record.why_base}"
        echo_wrapped(saved)
    click.echo(str(result.folder))
    print_next(f"embedtune eval {result.folder.parent}")


def print_search(result: StageResult[SearchRecord]) -> None:
    """Print all trials, the best one, and what it was worth on queries that no trial had seen."""
    record = result.record
    names = list(dict.fromkeys(name for trial in record.trials for name in trial.settings))
    rows = [
        (
            f"{trial.number}{' *' if trial.number == record.best else ''}",
            trial.state,
            "–" if trial.score is None else f"{trial.score:.3f}",
            *(f"{trial.settings[name]:g}" if name in trial.settings else "–" for name in names),
        )
        for trial in record.trials
    ]
    print_columns([("trial", "", "dev", *names), *rows])
    for line in record.summary().splitlines():
        echo_wrapped(line)
    click.echo(str(result.folder / "recipe.yaml"))
    print_next(f"embedtune eval {result.folder.parent}")


def print_writer(result: StageResult[WriterRecord]) -> None:
    """Print how likely and how close to people's queries the writer's are, with some of them."""
    click.echo(result.record.summary())
    for query in result.record.writes.examples:
        click.echo(f"  {query}")
    click.echo(str(result.folder))


def print_mined(result: StageResult[NegativesRecord]) -> None:
    """Print how many rows there are, and where."""
    click.echo(result.record.summary())
    click.echo(str(result.folder / "train.jsonl"))


_PRINTERS: dict[str, Callable[[StageResult[Any]], None]] = {
    "generate": print_generated,
    "train": print_trained,
    "eval": print_evaluated,
    "fit-query-adapter": print_query_adapter,
    "mine": print_mined,
    "search": print_search,
    "tune-generator": print_writer,
}


def show(stage: str, result: StageResult[Any], *, as_json: bool) -> None:
    """Print one stage's result."""
    if as_json:
        print_json(as_document(stage, result))
    elif plan := result.plan:
        verb = "would run" if plan.would_run else "is done and would be skipped"
        details = ", ".join(f"{key}: {value}" for key, value in plan.details.items() if key != "llm")
        click.echo(f"{stage} {verb} ({details}) → {result.folder}")
        if llm := plan.details.get("llm"):
            print_llm_plan(cast("Mapping[str, Any]", llm))
    else:
        _PRINTERS[stage](result)


def show_run(results: Mapping[str, StageResult[Any]], *, as_json: bool) -> None:
    """Print the results of a whole recipe."""
    if as_json:
        stages = {stage: as_document(stage, result) for stage, result in results.items()}
        print_json({"schema_version": 1, "stages": stages})
        return
    for stage, result in results.items():
        click.echo(f"── {stage}{' (skipped: nothing changed)' if result.status == 'skipped' else ''}")
        show(stage, result, as_json=False)
