"""The three stages in one."""

from __future__ import annotations

from collections.abc import Callable
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


@takes_settings(RunConfig)
def run(config: RunConfig, *, force: bool = False, dry_run: bool = False) -> dict[str, StageResult[Any]]:
    """Generate, train and evaluate; a stage that is done is skipped.

    Args:
        config: A recipe.
        force: Work even if nothing has changed.
        dry_run: Only plan. A stage can only be planned when the one before it is done.

    Returns:
        The result of each stage, by name.

    Raises:
        EmbedtuneError: As the stages do.
    """
    before_run(config)
    out, results = Path(config.out), dict[str, StageResult[Any]]()
    trust = {"trust_remote_code": True} if config.generate.trust_remote_code else {}  # of one base, in all stages
    stages: list[tuple[str, Callable[..., StageResult[Any]], object]] = [
        ("generate", generate, config.generate),
        ("train", train, config.train.model_copy(update=trust)),
        ("eval", evaluate, config.eval.model_copy(update=trust)),
    ]
    # From the first stage to the last; no other process slips in between.
    with lock_run(out, idle=dry_run):
        if force and not dry_run:
            for folder in (DATASET, MODEL, EVAL):  # at once: what is broken off in the first stage goes on to the last
                request_rerun(out / folder)
        for name, stage, settings in stages:
            results[name] = result = stage(settings, out, force=force, dry_run=dry_run)
            if result.plan is not None and result.plan.would_run:
                break
    return results
