"""``embedtune search``: many trainings, compared on dev."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.search import SearchConfig


@click.command("search")
@click.argument("run", type=options.RUN)
@options.settings(SearchConfig, "trials", "minutes")
@options.TRUST
@options.shared()
def search_command(common: options.Shared, run: Path, **given: Any) -> None:
    """Train RUN many times with other settings, judge each on dev, and keep the best model.

    Writes RUN/model, as train would with the best settings, and RUN/search/recipe.yaml with these settings. Half of the dev
    queries compare the trainings; the other half, which none of them has seen, decides whether the best model is kept. A
    search that was interrupted goes on with the same command, and --trials 40 after --trials 20 goes on from the twenty.

    \b
    Example: embedtune search runs/mine --trials 20 --minutes 30
             embedtune search runs/mine --set train.method=dora --set space.lora_rank=[4,8]
             embedtune train runs/other --config runs/mine/search/recipe.yaml
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.search import search

    config = common.load(SearchConfig, "search", given)
    result = search(config, run, force=common.force, dry_run=common.dry_run)
    output.show("search", result, as_json=common.as_json)
