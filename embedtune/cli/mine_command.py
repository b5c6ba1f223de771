"""``embedtune mine``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import NegativesConfig, load_config


@click.command("mine")
@click.argument("run", type=options.RUN)
@options.settings(NegativesConfig, *NegativesConfig.model_fields)
@click.option("--force", is_flag=True, help="Search again even if nothing has changed.")
@options.AS_JSON
@options.logged
def command(run: Path, force: bool, as_json: bool, **given: Any) -> None:
    """Find hard negatives for the train queries of RUN: passages that look like an answer and are none.

    Writes RUN/hard_negatives/train.jsonl with the columns anchor, positive, negative_1 and so on, as the losses of
    sentence-transformers take them. The whole corpus is searched by the model, by BM25 and by both. Passages that were judged
    not relevant come first. Answers, their neighbours in a document and their near-duplicates are never chosen.

    \b
    Example: embedtune mine runs/mine
             embedtune mine runs/mine --model tuned --num-negatives 4
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.mine import mine_run

    result = mine_run(run, load_config(NegativesConfig, options=given), force=force)
    output.show("mine", result, as_json=as_json)
