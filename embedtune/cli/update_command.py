"""``embedtune update``: a run after its documents have changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.cli.layout import print_next
from embedtune.config.training import TrainConfig


@click.command("update")
@click.argument("run", type=options.RUN)
@options.settings(TrainConfig, "replay", "learning_rate", "epochs")
@options.TRUST
@options.shared()
@options.ray
def update_command(common: options.Shared, run: Path, **given: Any) -> None:
    """Bring RUN up to date with its documents: read what is new or changed, and train the model further.

    Replaces RUN/dataset and RUN/model. Only new and changed documents are read; what stayed keeps its queries and its split.
    Training goes on from the adapter, with earlier pairs among the new ones. eval then shows what the queries of new and of
    earlier documents gained and lost.

    \b
    Example: embedtune update runs/mine --dry-run
             embedtune update runs/mine
             embedtune eval runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.update import update

    config = common.load(TrainConfig, "train", given)
    done = update(config, run, dry_run=common.dry_run)
    if common.as_json:
        stages = {"update": done.dataset, "train": done.model}
        output.print_json(
            {
                "schema_version": 1,
                "documents": done.changes._asdict(),
                "stages": {name: output.as_document(name, each) for name, each in stages.items() if each},
            }
        )
        return
    click.echo(f"documents: {done.changes}")
    if done.dataset:
        click.echo(done.dataset.record.summary())
    if done.model:
        output.show("train", done.model, as_json=False)
    elif done.changes:
        print_next(f"embedtune update {run}")
