"""What ``eval`` prints for people: the systems, the verdict, intervals, slices and audits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from embedtune.cli.layout import UNBROKEN, print_columns, width, wrapped
from embedtune.evaluation.points import points, with_interval
from embedtune.systems import BASE, TUNED, System, main_pairs

if TYPE_CHECKING:
    from embedtune.project.evaluation_records import ForgettingRecord, QuerySetRecord, Slice

_MEASURES = ("hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@100")
_COMPARED = ("ndcg@10", "hit_rate@5", "mrr@10")
_WAYS = {
    "kind": "kind",
    "lexical_overlap": "BM25 rank of the answer",
    "length": "terms",
    "document": "largest documents",
}
_MAX_CELLS = 5
_MAX_NAME, _MAX_LABEL = 40, 32


def print_table(results: QuerySetRecord) -> None:
    """Print every system with its measures; the best of a column is bold."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    systems = results.systems
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("system")
    names = [*_MEASURES, *_added_measures(systems)]
    for name in names:
        table.add_column(name, justify="right")
    highest = {name: max(values[name] for values in systems.values()) for name in names}
    for system, values in systems.items():
        table.add_row(system, *(_cell(values[name], bold=values[name] == highest[name]) for name in names))
    click.echo(f"{results.n_queries} queries ({results.queries}), relevance judged by {results.judged_unit}")
    Console(width=width()).print(table)


def _added_measures(systems: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the measures that were asked for besides those of every evaluation."""
    from embedtune.evaluation.measures import MEASURES

    return [name for name in next(iter(systems.values())) if name not in MEASURES]


def print_verdict(results: QuerySetRecord) -> None:
    """Print the verdict's sentence, then its other reasons."""
    verdict, *reasons = results.verdict.reasons
    click.echo("\n" + wrapped(f"{results.verdict.decision}: {verdict}", ""))
    for reason in reasons:
        click.echo(wrapped(f"· {reason}", "  "))


def print_differences(results: QuerySetRecord) -> None:
    """Print the main differences with their intervals, a line for each pair."""
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


def print_seeds(results: QuerySetRecord) -> None:
    """Print how several seeds of one recipe spread, and the verdict on their mean."""
    seeds = results.seeds
    if seeds is None:
        return
    means = ", ".join(f"{name} {seeds.means[name]:.3f} ± {seeds.deviations[name]:.3f}" for name in _COMPARED)
    click.echo("\n" + wrapped(f"{len(seeds.systems)} seeds (mean ± standard deviation): {means}", "  "))
    verdict, *_ = seeds.verdict.reasons
    click.echo(wrapped(f"each query averaged over seeds: {seeds.verdict.decision}: {verdict}", "  "))


def print_audits(results: QuerySetRecord) -> None:
    """Print the problems that the audits found, and the names of the checks that passed."""
    found = [row for row in results.audits if row.severity != "ok"]
    for row in sorted(found, key=lambda row: row.severity != "warn"):
        advice = f" → {row.advice}" if row.advice else ""
        click.echo(wrapped(f"{row.severity:<5}{row.name}: {row.sentence}{advice}", "     "))
    fine = [row.name for row in results.audits if row.severity == "ok"]
    click.echo(wrapped(f"checks passed: {', '.join(name.replace('_', ' ') for name in fine) or 'none'}", "     "))


def print_forgetting(forgetting: ForgettingRecord) -> None:
    """Print what tuning cost on general retrieval, which has nothing to do with the corpus."""
    for found in forgetting.sets.values():
        curve = ", ".join(f"{point['strength']:g} → {point[_COMPARED[0]]:.3f}" for point in found.curve)
        by_strength = f" {_COMPARED[0]} by strength α: {curve}" if curve else ""
        click.echo(wrapped(f"forgetting: {found.sentence}{by_strength}", "     "))


def print_slices(results: QuerySetRecord) -> None:
    """Print the gain on each slice, one line for each way to slice."""
    mine = [row for row in results.slices if (row.system, row.reference) == (TUNED, BASE)]
    ways = list(dict.fromkeys(row.by for row in mine))
    if not ways:
        return
    click.echo("\ngain in points of ndcg@10, tuned − base, on parts of the queries (exploratory)")
    indent = max(len(_WAYS[by]) for by in ways) + 4
    for by in ways:
        cells = [_slice_cell(row) for row in mine if row.by == by][:_MAX_CELLS]
        click.echo(wrapped(f"  {_WAYS[by]}".ljust(indent) + "   ".join(cells), " " * indent))


def _slice_cell(row: Slice) -> str:
    """Return the gain on one slice, with spaces at which a line is not broken."""
    return f"{_cut(row.name, _MAX_NAME)}: {points(row.difference)} of {row.n_queries}".replace(" ", UNBROKEN)


def _cut(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _cell(value: float, *, bold: bool) -> str:
    return f"[bold]{value:.3f}[/bold]" if bold else f"{value:.3f}"
