"""The three stages in one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from embedtune.config.settings import RunConfig, takes_settings
from embedtune.pipeline.evaluate import evaluate
from embedtune.pipeline.generate import generate
from embedtune.pipeline.preflight import before_run
from embedtune.pipeline.train import train
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.lock import lock_run
from embedtune.project.manifest import request_rerun
from embedtune.project.stage import StageResult

_log = logging.getLogger("embedtune")


@takes_settings(RunConfig)
def run(config: RunConfig, *, force: bool = False, dry_run: bool = False) -> dict[str, StageResult[Any]]:
    """Generate, train and evaluate; a stage that is done is skipped.

    Args:
        config: A recipe.
        force: Work even if nothing has changed.
        dry_run: Tell what would happen. A stage can only be planned when the one before it is done.

    Returns:
        The result of each stage, by name.

    Raises:
        EmbedtuneError: As the stages do.
    """
    before_run(config)
    # From the first stage to the last; no other process slips in between.
    with lock_run(Path(config.out), idle=dry_run):
        return _run(config, force=force, dry_run=dry_run)


def _run(config: RunConfig, *, force: bool, dry_run: bool) -> dict[str, StageResult[Any]]:
    out = Path(config.out)
    if force and not dry_run:
        for folder in (DATASET, MODEL, EVAL):  # at once: what is broken off in the first stage goes on to the last
            request_rerun(out / folder)
    results: dict[str, StageResult[Any]] = {}
    results["generate"] = generate(config.generate, out, force=force, dry_run=dry_run)
    if _would_run(results["generate"]):
        return results
    results["train"] = train(config.train, out, force=force, dry_run=dry_run)
    if _would_run(results["train"]):
        return results
    results["eval"] = evaluate(config.eval, out, force=force, dry_run=dry_run)
    return results


def _would_run(result: StageResult[Any]) -> bool:
    return result.plan is not None and result.plan.would_run
