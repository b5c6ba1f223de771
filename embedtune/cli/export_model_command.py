"""``embedtune export-model``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options


@click.command("export-model")
@click.argument("run", type=options.RUN)
@click.argument("folder", type=click.Path(path_type=Path))
def command(run: Path, folder: Path) -> None:
    """Copy the model of RUN to a new FOLDER, with a model card that reports its evaluation.

    The card contains none of your documents, queries or paths, and no figures of further models. FOLDER loads with
    SentenceTransformer and can be uploaded to a hub as it is.

    \b
    Example: embedtune export-model runs/mine my-embedder/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.model_cards import export_model

    click.echo(str(export_model(run, folder)))
