"""``embedtune train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import TrainConfig


@click.command("train")
@click.argument("run", type=options.RUN)
@options.settings(TrainConfig, "method", "quantize", "teacher", "learning_rate", "epochs", "batch_size")
@options.shared()
def command(common: options.Shared, run: Path, **given: Any) -> None:
    """Fine-tune the base model of RUN on its dataset.

    Writes RUN/model: the tuned model in sentence-transformers form (merged/) and, for the LoRA methods, a PEFT adapter. If
    tuning does not beat the base model on the dev queries, merged/ is the base model, and the result says so. The base model
    is chosen by generate --model.

    \b
    Example: embedtune train runs/mine
             embedtune train runs/mine --method auto
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.train import train

    config = common.load(TrainConfig, "train", given)
    output.show("train", train(config, run, force=common.force, dry_run=common.dry_run), as_json=common.as_json)
