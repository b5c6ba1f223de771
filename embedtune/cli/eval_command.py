"""``embedtune eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("eval")
@click.argument("run", type=_RUN)
@click.option(
    "--queries", help="Queries of your own: a BEIR folder, a LlamaIndex JSON, or the packaged python-reference."
)
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), help="Of all encoders alike.")
@options.shared
def command(common: options.Shared, run: Path, **given: Any) -> None:
    """Measure base and tuned model of RUN beside BM25 and their fusions.

    Writes RUN/eval with a TREC run for each system, per_query.tsv and metrics.json. Queries that judge documents score a
    document as its best passage. Nothing is drawn at random here: --seed is taken and changes nothing.

    \b
    Example: embedtune eval runs/mine --queries my-queries/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config import EvaluateConfig, load_config
    from embedtune.stages.evaluate import evaluate

    config = load_config(EvaluateConfig, section="eval", file=common.file, settings=common.settings, options=given)
    output.show("eval", evaluate(config, run, force=common.force, dry_run=common.dry_run), as_json=common.as_json)
