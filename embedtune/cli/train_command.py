"""``embedtune train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)
_SCHEME = click.Choice(["auto", "nf4", "fp4", "int8", "none"])
_METHOD = click.Choice(["auto", "lora", "query-lora", "linear", "hybrid-vector", "pca", "full"])


@click.command("train")
@click.argument("run", type=_RUN)
@click.option(
    "--quantize", type=_SCHEME, help="How the frozen weights are kept; auto is int8 below 300M parameters, else nf4."
)
@click.option(
    "--method",
    type=_METHOD,
    help="What is tuned; auto tries several, the cheapest first.",
)
@click.option("--teacher", help="What query-lora and linear learn from: none, bm25, hybrid or cross-encoder:MODEL.")
@click.option("--learning-rate", type=float, help="Peak of the schedule.")
@click.option("--epochs", type=int, help="Passes over the pairs.")
@click.option("--batch-size", type=int, help="Pairs in a batch.")
@options.shared
def command(common: options.Shared, run: Path, **given: Any) -> None:
    """Fine-tune the base model of RUN on its dataset: LoRA on quantised frozen weights, contrastive loss.

    Writes RUN/model with a PEFT adapter and a merged sentence-transformers folder. When tuning does not help on dev, the
    merged folder is the base model and the result says so.

    \b
    Example: embedtune train runs/mine --quantize nf4
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import TrainConfig, load_config
    from embedtune.pipeline.train import train

    config = load_config(TrainConfig, section="train", file=common.file, settings=common.settings, options=given)
    output.show("train", train(config, run, force=common.force, dry_run=common.dry_run), as_json=common.as_json)
