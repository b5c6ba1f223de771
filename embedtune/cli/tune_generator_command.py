"""``embedtune tune-generator``: a language model learns to ask as the user's own queries do."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.cli.layout import print_next
from embedtune.config.writer import WriterConfig


@click.command("tune-generator")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder; writes OUT/writer.")
@options.setting(
    WriterConfig,
    "labels",
    multiple=True,
    metavar="FILE",
    help="Queries with the texts or documents that answer them: JSON lines, CSV, Parquet …; repeatable.",
)
@options.setting(WriterConfig, "llm", "--llm", "llm", metavar="hf:FOLDER", required=True)
@options.settings(WriterConfig, "quantize", "max_queries", "epochs", "learning_rate")
@options.shared()
def tune_generator_command(common: options.Shared, out: Path, **given: Any) -> None:
    """Fine-tune a language model (LoRA) to write queries as your judged queries are.

    SOURCE has queries with judgements, as generate takes them: a BEIR folder, a label file, or documents with --labels. The
    writer learns from the train and dev queries, never from test; 30 are enough to start. A fifth is held out: the writer is
    measured on them, and how close its queries come to people's is printed beside the base model's.

    \b
    Example: embedtune tune-generator docs/ --labels clicks.csv --llm hf:models/SmolLM2-135M-Instruct --out runs/mine
             embedtune generate docs/ --out runs/mine --llm hf:models/SmolLM2-135M-Instruct --adapter runs/mine/writer
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.tune_generator import tune_generator

    config = common.load(WriterConfig, "tune-generator", given)
    result = tune_generator(config, out, force=common.force, dry_run=common.dry_run)
    output.show("tune-generator", result, as_json=common.as_json)
    if result.recorded and not common.as_json:
        place = shlex.join(["--out", str(out), "--llm", config.llm, "--adapter", str(result.folder)])
        print_next(f"embedtune generate {shlex.quote(config.source)} {place}")
