"""``embedtune export-model``."""

from __future__ import annotations

from pathlib import Path

import click

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("export-model")
@click.argument("run", type=_RUN)
@click.argument("folder", type=click.Path(path_type=Path))
def command(run: Path, folder: Path) -> None:
    """Copy the model of RUN to a new FOLDER, with a card that says how it did in RUN's evaluation.

    The card names no document, query or path of yours; further models and runs that stood in the table are left out. FOLDER
    loads with SentenceTransformer and can be put on a hub as it is.

    \b
    Example: embedtune export-model runs/mine my-embedder/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.export_model import export_model

    click.echo(str(export_model(run, folder)))
