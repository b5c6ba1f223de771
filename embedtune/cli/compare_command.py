"""``embedtune compare``: a grid of ranks and systems, and below it the passages that its letters name."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

import click

from embedtune.cli import options, output
from embedtune.serving.comparison import Comparison, Moved
from embedtune.shown import masked, unfiltered
from embedtune.types import PATH_SEPARATOR, Passage

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


_STYLES = {"↑": "green", "↓": "red", "n": "green"}


def print_comparison(comparison: Comparison) -> None:
    """Print a comparison; it is readable at 80 columns."""
    from rich.console import Console

    console = Console(file=unfiltered(sys.stdout), highlight=False)
    lists = [comparison.systems["base"], *comparison.systems.values()]
    passages = {moved.hit.passage.passage_id: moved.hit.passage for hits in lists for moved in hits}
    names = (f"{letter}{turn}" if turn > 1 else letter for turn in count(1) for letter in ascii_uppercase)
    letters = dict(zip(passages, names, strict=False))
    console.print(f"“{masked(comparison.query)}”", markup=False)
    console.print(_grid(comparison, letters))
    _print_passages(console, comparison, passages, letters)
    console.print(
        f"↑ ↓ moved, = same rank, new: not in base's top {comparison.k}, gone: lost from it (all compared with base)\n"
        f"* {comparison.decision}"
    )


def _grid(comparison: Comparison, letters: dict[str, str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rank", justify="right")
    for name in comparison.systems:
        table.add_column(f"{name} *" if name == comparison.decision.system else name)
    for place in range(max(map(len, comparison.systems.values()))):
        cells = [_cell(hits[place], letters) if place < len(hits) else Text("") for hits in comparison.systems.values()]
        table.add_row(str(place + 1), *cells)
    gone = [" ".join(letters[passage.passage_id] for passage in passages) for passages in comparison.gone.values()]
    if any(gone):
        table.add_section()
        table.add_row("gone", *(Text(names, style="red") for names in gone))
    return table


def _cell(moved: Moved, letters: dict[str, str]) -> Text:
    from rich.text import Text

    return Text.assemble(letters[moved.hit.passage.passage_id], " ", (moved.move, _STYLES.get(moved.move[:1], "dim")))


def _print_passages(
    console: Console, comparison: Comparison, passages: dict[str, Passage], letters: dict[str, str]
) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for passage_id, passage in passages.items():
        where = passage.document_id + (f"{PATH_SEPARATOR}{passage.title}" if passage.title else "")
        page = f", page {passage.page}" if passage.page is not None else ""
        console.print(
            Text.assemble((f"{letters[passage_id]:<3}", "bold"), (masked(where + page), "cyan")), overflow="fold"
        )
        shown = Text(masked(comparison.excerpts[passage_id].text))
        for start, end in comparison.excerpts[passage_id].matches:
            shown.stylize("bold yellow", start, end)
        console.print(Padding(shown, (0, 0, 0, 3)))
    console.print()


@click.command("compare")
@click.argument("run", type=options.RUN)
@click.argument("query")
@click.option("-k", "k", type=click.IntRange(1, 100), default=5, show_default=True, help="Passages per system.")
@click.option("--system", "systems", multiple=True, help="System to show after the base model; repeatable.")
@options.TRUST
@options.AS_JSON
@options.logged
def command(
    run: Path, query: str, k: int, systems: tuple[str, ...], trust_remote_code: bool | None, as_json: bool
) -> None:
    """Show what BM25, the base model, the tuned model and hybrid search find for QUERY, side by side.

    The marks compare each system with the base model: moved up or down, new, or gone from its top k. It searches the vectors
    that eval has cached in RUN; without an evaluation, the first call encodes all passages.

    \b
    Example: embedtune compare runs/mine "how do I get a refund"
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.serving.comparison import compare

    comparison = compare(run, query, k, systems=systems, trust_remote_code=bool(trust_remote_code))
    if as_json:
        output.print_json(comparison.as_json())
    else:
        print_comparison(comparison)
