"""``embedtune ui``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)
_JUDGEMENTS_HELP = "Where judgements are kept, a BEIR folder; RUN/judgements if left out."


@click.command("ui")
@click.argument("runs", type=_RUN, nargs=-1, required=True, metavar="RUN...")
@click.option("--port", type=click.IntRange(1, 65535), help="On 127.0.0.1; a free one if left out.")
@click.option("--judgements", type=click.Path(file_okay=False, path_type=Path), help=_JUDGEMENTS_HELP)
@click.option("-q", "--quiet", is_flag=True, help="Print no progress on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Print what libraries log too.")
def command(runs: tuple[Path, ...], port: int | None, judgements: Path | None, quiet: bool, verbose: bool) -> None:
    """Open a page on this machine to search, browse and judge in; Ctrl-C ends it.

    Search shows base, tuned model, BM25 and fusion side by side. Browse shows which queries of the evaluation gained or lost.
    Judge shows the first passages of all systems in an order that does not tell who found them; what you say of them becomes a
    test set for `embedtune eval RUN --queries`. Further RUNs must have the corpus of the first.

    \b
    Example: embedtune ui runs/mine --judgements my-queries/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.ui.server import serve

    options.set_up_logging(quiet=quiet, verbose=verbose)
    serve(runs, port=port, judgements=judgements, announce=lambda address: click.echo(f"{address}   (Ctrl-C ends it)"))
