"""``embedtune ui``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options


@click.command("ui")
@click.argument("runs", type=options.RUN, nargs=-1, required=True, metavar="RUN...")
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1.  [default: a free one]")
@click.option(
    "--judgements",
    type=click.Path(file_okay=False, path_type=Path),
    help="BEIR folder to save judgements in.  [default: RUN/judgements]",
)
@options.logged
def command(runs: tuple[Path, ...], port: int | None, judgements: Path | None) -> None:
    """Search, browse and judge in the browser, on this machine; Ctrl-C stops the server.

    Search shows the base model, the tuned model, BM25 and hybrid search side by side. Browse shows which queries of the
    evaluation gained or lost. Judge shows the top passages of all systems in random order; your judgements become a test set
    for `embedtune eval RUN --queries`. Further RUNs must have the corpus of the first.

    \b
    Example: embedtune ui runs/mine --judgements my-queries/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.ui.server import serve

    serve(runs, port=port, judgements=judgements, announce=lambda address: click.echo(f"{address}   (Ctrl-C stops it)"))
