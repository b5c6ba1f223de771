"""``embedtune merge``: adapters of several runs as one model."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from embedtune.cli import options
from embedtune.cli.layout import print_next


@click.command("merge")
@click.argument("runs", type=options.RUN, nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder; gets merged/ and adapter/.")
@click.option(
    "--weight",
    "weights",
    type=float,
    multiple=True,
    help="Weight of a run, in their order; repeatable.  [default: 1/n]",
)
@options.TRUST
@options.logged
def merge_command(
    runs: tuple[Path, ...], out: Path, weights: tuple[float, ...], trust_remote_code: bool | None
) -> None:
    """Add up the LoRA adapters of several RUNs over one base by weight, as a model of its own.

    \b
    Example: embedtune merge runs/law runs/health --out models/both
             embedtune eval runs/law --model models/both/merged
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.merge_runs import merge_runs

    folder = merge_runs(runs, out, weights, trust_remote_code=bool(trust_remote_code))
    click.echo(str(folder))
    print_next(f"embedtune eval {shlex.quote(str(runs[0]))} --model {shlex.quote(str(folder))}")
