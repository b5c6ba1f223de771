"""What ``eval`` prints for people: the systems, the verdict, intervals, slices and audits."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from embedtune.cli.layout import UNBROKEN, echo_wrapped, print_columns, print_next, width, wrapped
from embedtune.evaluation.points import points, with_interval
from embedtune.project.layout import BEFORE, MODEL, PAGE
from embedtune.shown import masked, unfiltered
from embedtune.systems import BASE, TUNED, System, main_pairs

if TYPE_CHECKING:
    from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord
    from embedtune.project.stage import StageResult

_COMPARED = ("ndcg@10", "hit_rate@5", "mrr@10")
_WAYS = {
    "kind": "kind",
    "lexical_overlap": "BM25 rank of the answer",
    "length": "terms",
    "document": "largest documents",
}
_MAX_CELLS = 5
_MAX_NAME, _MAX_LABEL = 40, 32


def print_evaluated(result: StageResult[EvaluationRecord]) -> None:
    """Print the table of systems, the verdict, the intervals, the slices and the audits of each query set."""
    from embedtune.evaluation.decision import decide_by

    record, run = result.record, result.folder.parent
    for number, results in enumerate(record.sets.values()):
        click.echo("\n" if number else "", nl=False)
        for part in (
            _print_table,
            _print_indexes,
            _print_verdict,
            _print_differences,
            _print_seeds,
            _print_slices,
            _print_audits,
        ):
            part(results)
    if record.forgetting:
        for tried in record.forgetting.sets.values():
            echo_wrapped(f"forgetting: {tried.sentence}", "     ")
    echo_wrapped(f"use {decide_by(record.sets.values(), record.shipped)}")
    click.echo(str(result.folder / PAGE))
    if not (run / MODEL).exists():
        print_next(f"embedtune train {run}")
        return
    print_next(f"embedtune ui {run} to search and judge, or embedtune plug {run} for the code of your application")


def _print_table(results: QuerySetRecord) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from embedtune.evaluation.measures import shown_measures

    systems = results.systems
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("system")
    names = shown_measures(systems)
    for name in names:
        table.add_column(name, justify="right")
    highest = {name: max(values[name] for values in systems.values()) for name in names}
    for system, values in systems.items():
        cells = (("[bold]{:.3f}[/bold]" if values[n] == highest[n] else "{:.3f}").format(values[n]) for n in names)
        table.add_row(Text(masked(system)), *cells)
    origin = f", {results.origin}" if results.origin else ""
    click.echo(f"{results.n_queries} queries ({results.queries}{origin}), relevance judged by {results.judged_unit}")
    Console(file=unfiltered(sys.stdout), width=width()).print(table)


def _print_indexes(results: QuerySetRecord) -> None:
    if results.indexes:
        rows = [
            (
                _cut(row.system, _MAX_NAME),
                row.search,
                f"{row.recall_at_10:.3f}",
                f"{row.n_bytes / 1e6:,.1f}",
                f"{row.flat_bytes / 1e6:,.1f}",
            )
            for row in results.indexes
        ]
        click.echo()
        print_columns([("approximate index", "search", "recall@10 of the exact search", "MB", "vectors, MB"), *rows])


def _print_verdict(results: QuerySetRecord) -> None:
    verdict, *reasons = results.verdict.reasons
    click.echo("\n" + wrapped(f"{results.verdict.decision}: {verdict}", ""))
    for reason in reasons:
        echo_wrapped(f"· {reason}")


def _print_differences(results: QuerySetRecord) -> None:
    found = {
        (row.system, row.reference, row.measure): with_interval(row.difference, row.ci95) for row in results.comparisons
    }
    compared = dict.fromkeys((a, b) for a, b, _ in found)
    added = [pair for pair in compared if System.parse(pair[0]).is_added]
    main = [pair for pair in main_pairs(results.systems) if pair in compared]
    rows = [
        (_cut(f"{a} − {b}", _MAX_LABEL), *(found[a, b, measure] for measure in _COMPARED)) for a, b in (*main, *added)
    ]
    if rows:
        click.echo()
        print_columns([("points (95 % interval)", *_COMPARED), *rows])


def _print_seeds(results: QuerySetRecord) -> None:
    seeds = results.seeds
    if seeds is None:
        return
    means = ", ".join(f"{name} {seeds.means[name]:.3f} ± {seeds.deviations[name]:.3f}" for name in _COMPARED)
    click.echo("\n" + wrapped(f"{len(seeds.systems)} seeds (mean ± standard deviation): {means}", "  "))
    verdict, *_ = seeds.verdict.reasons
    echo_wrapped(f"each query averaged over seeds: {seeds.verdict.decision}: {verdict}")


def _print_audits(results: QuerySetRecord) -> None:
    for row in sorted(results.audits, key=lambda row: row.severity != "warn"):
        if row.severity == "ok":
            continue
        advice = f" → {row.advice}" if row.advice else ""
        echo_wrapped(f"{row.severity:<5}{row.name}: {row.sentence}{advice}", "     ")
    passed = ", ".join(row.name.replace("_", " ") for row in results.audits if row.severity == "ok")
    echo_wrapped(f"checks passed: {passed or 'none'}", "     ")


def _print_slices(results: QuerySetRecord) -> None:
    _print_update(results)
    mine = [row for row in results.slices if (row.system, row.reference) == (TUNED, BASE) and row.by != "updated"]
    ways = list(dict.fromkeys(row.by for row in mine))
    if not ways:
        return
    click.echo("\ngain in points of ndcg@10, tuned − base, on parts of the queries (exploratory)")
    indent = max(len(_WAYS[by]) for by in ways) + 4
    for by in ways:
        cells = [
            # with spaces at which a line is not broken
            f"{_cut(row.name, _MAX_NAME)}: {points(row.difference)} of {row.n_queries}".replace(" ", UNBROKEN)
            for row in mine
            if row.by == by
        ][:_MAX_CELLS]
        echo_wrapped(f"  {_WAYS[by]}".ljust(indent) + "   ".join(cells), " " * indent)


def _print_update(results: QuerySetRecord) -> None:
    """Print what the queries of new and of earlier documents gained and lost."""
    rows = [
        (
            f"queries of {row.name} documents ({row.n_queries})",
            f"{row.reference} {row.reference_mean:.3f}",
            f"tuned {row.mean:.3f}",
            with_interval(row.difference, row.ci95),
        )
        for row in results.slices
        if row.by == "updated" and (row.system, row.reference) in ((TUNED, BASE), (TUNED, BEFORE))
    ]
    if rows:
        click.echo("\nsince the update, ndcg@10, and points (95 % interval)")
        print_columns(rows, "  ")


def _cut(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
