"""``embedtune eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import EvaluateConfig


@click.command("eval")
@click.argument("runs", type=options.RUN, nargs=-1, required=True, metavar="RUN...")
@options.setting(
    EvaluateConfig,
    "queries",
    multiple=True,
    help="Your own queries with judgements: a BEIR folder, a LlamaIndex JSON file or a packaged set; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "models",
    "--model",
    "models",
    multiple=True,
    help="A further model to compare: hub name or local folder; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "forgetting",
    multiple=True,
    metavar="BEIR",
    help="A further BEIR folder to check for forgetting, besides the packaged general set; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "measures",
    multiple=True,
    metavar="NAME",
    help="A further measure of ir_measures, such as P@5 or AP; repeatable.",
)
@options.setting(EvaluateConfig, "precision")
@click.option(
    "--fail-under",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="Exit with 100 if the saved model scores below this, such as hit_rate@5=0.9, or any of --measures; repeatable.",
)
@click.option(
    "--fail-if-worse", is_flag=True, help="Exit with 100 if the tuned model is significantly worse than the base."
)
@options.shared()
def command(
    common: options.Shared, runs: tuple[Path, ...], fail_under: tuple[str, ...], fail_if_worse: bool, **given: Any
) -> None:
    """Compare the base and the tuned model of RUN with BM25 and hybrid search, with significance tests.

    Writes RUN/eval: report.html (which needs no network), a TREC run file for each system, per_query.tsv and metrics.json. If
    the judgements are of documents, a document scores as its best passage. --seed is the seed of the bootstrap and the
    randomisation tests.

    Further RUNs over the same corpus add their models as tuned:NAME; if they differ only in their seed, the verdict is also
    given for their mean. Each query set gets its own table and folder.

    \b
    Example: embedtune eval runs/mine --queries my-queries/ --fail-under hit_rate@5=0.9
             embedtune eval runs/seed0 runs/seed1 runs/seed2 --model BAAI/bge-small-en-v1.5
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.evaluate import evaluate
    from embedtune.pipeline.quality import check_quality, read_bounds

    config = common.load(EvaluateConfig, "eval", given)
    bounds = read_bounds(fail_under, config.measures)
    result = evaluate(config, runs[0], others=runs[1:], force=common.force, dry_run=common.dry_run)
    output.show("eval", result, as_json=common.as_json)
    if result.status != "planned":
        check_quality(result.record, bounds, if_worse=fail_if_worse)
