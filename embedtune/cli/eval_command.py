"""``embedtune eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)
_QUERIES_HELP = "Queries of your own: a BEIR folder, a LlamaIndex JSON, or the packaged python-reference; repeat."
_MODEL_HELP = "A further model in the table, dense only: hub name or local folder; repeat."
_FORGETTING_HELP = (
    "A BEIR folder on which tuning should have changed nothing; the packaged general set is always one; repeat."
)
_MEASURES_HELP = "A further measure by its name in ir_measures, such as P@5 or AP; repeat."
_UNDER_HELP = "Exit code 100 if the shipped model has less, for example hit_rate@5=0.9; repeat."


@click.command("eval")
@click.argument("runs", type=_RUN, nargs=-1, required=True, metavar="RUN...")
@click.option("--queries", multiple=True, help=_QUERIES_HELP)
@click.option("--model", "models", multiple=True, help=_MODEL_HELP)
@click.option("--forgetting", multiple=True, metavar="BEIR", help=_FORGETTING_HELP)
@click.option("--measures", multiple=True, metavar="NAME", help=_MEASURES_HELP)
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), help="Of all encoders alike.")
@click.option("--fail-under", multiple=True, metavar="MEASURE=VALUE", help=_UNDER_HELP)
@click.option(
    "--fail-if-worse", is_flag=True, help="Exit code 100 if the tuned model is shown to be worse than the base."
)
@options.shared
def command(
    common: options.Shared, runs: tuple[Path, ...], fail_under: tuple[str, ...], fail_if_worse: bool, **given: Any
) -> None:
    """Measure base and tuned model of a RUN beside BM25 and their fusions, and say what the differences prove.

    Writes eval/ into the first RUN: report.html, which needs no network, a TREC run for each system, per_query.tsv and
    metrics.json. Queries that judge documents score a document as its best passage. --seed is that of the resamples behind
    intervals and tests.

    Further RUNs over the same corpus add their models as tuned:NAME; when all differ only in seed, their mean is judged too.
    Several query sets have a table and a folder each.

    \b
    Example: embedtune eval runs/mine --queries my-queries/ --fail-under hit_rate@5=0.9
             embedtune eval runs/seed0 runs/seed1 runs/seed2 --model BAAI/bge-small-en-v1.5
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import EvaluateConfig, load_config
    from embedtune.pipeline.evaluate import evaluate
    from embedtune.pipeline.quality import check_quality, read_bounds

    bounds = read_bounds(fail_under)
    config = load_config(EvaluateConfig, section="eval", file=common.file, settings=common.settings, options=given)
    result = evaluate(config, runs[0], others=runs[1:], force=common.force, dry_run=common.dry_run)
    output.show("eval", result, as_json=common.as_json)
    if result.status != "planned":
        check_quality(result.facts, bounds, if_worse=fail_if_worse)
