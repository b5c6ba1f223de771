"""``embedtune compare``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("compare")
@click.argument("run", type=_RUN)
@click.argument("query")
@click.option("-k", "k", type=click.IntRange(1, 100), default=5, show_default=True, help="Passages of each system.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Print what libraries log too.")
def command(run: Path, query: str, k: int, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Ask base, tuned model, BM25 and their fusion of RUN one QUERY, side by side.

    Marks say how far a passage stands from its place in the base's list: up, down, new; below a list stand those that it has
    lost. The first call encodes the passages with a model that was tuned on both sides, and keeps their vectors in RUN.

    \b
    Example: embedtune compare runs/mine "how do I get a refund"
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.cli.compare_output import print_comparison
    from embedtune.serving.comparison import compare

    options.set_up_logging(quiet=quiet, verbose=verbose)
    found = compare(run, query, k)
    if as_json:
        output.print_json(found.as_json())
    else:
        print_comparison(found)
