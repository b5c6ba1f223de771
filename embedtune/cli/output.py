"""What commands print on stdout: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedtune.cli.eval_output import (
    print_audits,
    print_differences,
    print_forgetting,
    print_seeds,
    print_slices,
    print_table,
    print_verdict,
)
from embedtune.cli.llm_output import print_llm, print_llm_plan
from embedtune.project.layout import PAGE

if TYPE_CHECKING:
    from embedtune.doctor import Row
    from embedtune.pipeline.verify import StageState
    from embedtune.project.stage import StageResult


def print_json(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def as_document(stage: str, result: StageResult) -> dict[str, Any]:
    """Return a stage's result as JSON values; the same whether it ran or was skipped."""
    return {"schema_version": 1, "stage": stage, "folder": str(result.folder), **result.facts}


_SHOWN = ("hit_rate@5", "mrr@10", "ndcg@10", "recall@100")


def print_query_adapter(result: StageResult) -> None:
    """Show what the map gained on dev, what was shipped, and the test split with and without it."""
    facts = result.facts
    gain = f"dev gain {facts['dev']['gain']:+.3f} ± {facts['dev']['standard_error']:.3f}"
    if facts["shipped"] == "tuned":
        click.echo(f"shipped: a map for the queries of {facts['embedding']}, strength {facts['strength']:g}, {gain}")
    else:
        click.echo(
            f"shipped: no map; queries of {facts['embedding']} stay as they are: the {gain} is no more than noise"
        )
    click.echo(f"{'test':<8}" + "".join(f"{name:>12}" for name in _SHOWN))
    for name, values in facts["test"].items():
        click.echo(f"{name:<8}" + "".join(f"{values[measure]:>12.3f}" for measure in _SHOWN))
    click.echo(str(result.folder))


def show_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a command counted."""
    if as_json:
        print_json({"schema_version": 1, **facts})
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<17}{'none' if value is None else value}")


def print_plan(stage: str, result: StageResult) -> None:
    """Say what a stage would do."""
    verb = "would run" if result.facts["would_run"] else "is done and would be skipped"
    hidden = ("dry_run", "would_run", "llm")
    details = ", ".join(f"{key}: {value}" for key, value in result.facts.items() if key not in hidden)
    click.echo(f"{stage} {verb} ({details}) → {result.folder}")
    if "llm" in result.facts:
        print_llm_plan(result.facts["llm"])


def print_generated(result: StageResult) -> None:
    """Show what generate made."""
    facts = result.facts
    window = facts["window"]
    click.echo(f"{facts['documents']} documents, {facts['skipped']} not read, {facts['passages']} passages")
    click.echo(
        f"window {window['tokens']} tokens: {window['share_lost']:.0%} of the tokens lost "
        f"({window['share_lost_by_truncation']:.0%} if passages were truncated at the model's {window['model_tokens']})"
    )
    for split, kinds in facts["queries"].items():
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        click.echo(f"{split:<6}{sum(kinds.values()):>6} queries: {listed or 'none'}")
    if facts["split_by"] == "section":
        click.echo("split by contiguous sections, because there are fewer than 20 unlike documents")
    dropped = ", ".join(f"{count} {name}" for name, count in facts["dropped_queries"].items() if count)
    click.echo(f"dropped: {dropped or 'none'}")
    if "llm" in facts:
        print_llm(facts["llm"])
    click.echo(str(result.folder))


def _examples(facts: Mapping[str, Any]) -> str:
    """Say what a training learnt from."""
    if "pairs" in facts:
        return f"{facts['pairs']} pairs, {facts['steps']} steps, frozen weights {facts['quantize']}"
    if "queries" in facts:
        return (
            f"{facts['queries']} queries, {facts['steps']} steps, teacher {facts['teacher']}; passages stay as they are"
        )
    if "directions" in facts:
        return f"{facts['directions']} directions; passages stay as they are"
    return f"words beside the vectors of {facts['over']}; the index is made again. Load: {facts['loading']}"


def print_trained(result: StageResult) -> None:
    """Show what train shipped and why."""
    facts = result.facts
    dev = facts["dev"]
    click.echo(f"{facts['method']}: {_examples(facts)}")
    strengths = ", ".join(f"{strength} → {value:.3f}" for strength, value in dev["by_strength"].items())
    if len(facts["candidates"]) > 1:
        for attempt in facts["candidates"]:
            gain = f"{attempt['gain']:+.3f} ± {attempt['standard_error']:.3f}"
            click.echo(f"  {attempt['method']:<11} dev gain {gain}: {attempt['reason']}")
    click.echo(f"dev {dev['measure']} on {dev['n_queries']} queries: base {dev['base']:.3f}; by strength {strengths}")
    if facts["shipped"] == "tuned":
        click.echo(
            f"shipped: tuned, strength {facts['strength']:g}, dev gain {dev['gain']:+.3f} ± {dev['standard_error']:.3f}"
        )
    else:
        click.echo(
            f"shipped: base; the dev gain {dev['gain']:+.3f} ± {dev['standard_error']:.3f} is no more than noise"
        )
    click.echo(str(result.folder))


def print_evaluated(result: StageResult) -> None:
    """Show, for each query set, the table of systems, the verdict, how sure it is, and where a gain comes from."""
    from embedtune.project.stage import by_query_set

    for number, facts in enumerate(by_query_set(result.facts)):
        click.echo("\n" if number else "", nl=False)
        print_table(facts)
        print_verdict(facts)
        print_differences(facts)
        print_seeds(facts)
        print_slices(facts)
        click.echo()
        print_audits(facts)
        print_forgetting(facts)
    if "sets" in result.facts:
        print_forgetting(result.facts)
    click.echo(str(result.folder / PAGE))


_PRINTERS: dict[str, Callable[[StageResult], None]] = {
    "generate": print_generated,
    "train": print_trained,
    "eval": print_evaluated,
    "fit-query-adapter": print_query_adapter,
}


def show(stage: str, result: StageResult, *, as_json: bool) -> None:
    """Print one stage's result."""
    if as_json:
        print_json(as_document(stage, result))
    elif result.status == "planned":
        print_plan(stage, result)
    else:
        _PRINTERS[stage](result)


def show_run(results: Mapping[str, StageResult], *, as_json: bool) -> None:
    """Print the results of a whole recipe."""
    if as_json:
        print_json(
            {"schema_version": 1, "stages": {stage: as_document(stage, result) for stage, result in results.items()}}
        )
        return
    for stage, result in results.items():
        click.echo(f"── {stage}{' (skipped: nothing changed)' if result.status == 'skipped' else ''}")
        show(stage, result, as_json=False)


def show_states(run: Path, states: Sequence[StageState], *, as_json: bool) -> None:
    """Print how each stage of a run stands."""
    if as_json:
        print_json({"schema_version": 1, "run": str(run), "stages": [state._asdict() for state in states]})
        return
    for stage, state, files in states:
        detail = {"changed": ": " + ", ".join(files), "stale": f": {', '.join(files)} has changed since"}
        click.echo(f"{stage:<9}{state}{detail.get(state, '')}")


def show_rows(rows: Sequence[Row], exit_code: int, *, as_json: bool) -> None:
    """Print what the doctor found; under a row that is not well, what to do next."""
    if as_json:
        print_json({"schema_version": 1, "works": exit_code == 0, "rows": [row._asdict() for row in rows]})
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        click.echo(f"{row.status:<4}  {row.name:<{width}}  {row.found}")
        if row.next:
            click.echo(f"{'':<{width + 6}}  → {row.next}")
    bad = sum(row.status == "fail" for row in rows)
    verdict = "can work here" if exit_code == 0 else f"cannot work here: {bad} check{'s' * (bad > 1)} failed"
    click.echo(f"embedtune {verdict}")
