"""Run folders whose queries come from the scripted server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import embedtune
from embedtune.project.stage import StageResult


def llm_config(
    source: Path, model: Path, url: str, *, window_tokens: int = 48, seed: int = 0, **llm: Any
) -> embedtune.GenerateConfig:
    """Return settings for the scripted server."""
    settings = {"name": "openai:scripted", "base_url": url, **llm}
    return embedtune.GenerateConfig(
        source=str(source), model=str(model), window_tokens=window_tokens, seed=seed, generator="llm", llm=settings
    )


def generate(
    source: Path, model: Path, url: str, run: Path, *, force: bool = False, dry_run: bool = False, **settings: Any
) -> StageResult:
    """Run generate."""
    return embedtune.generate(llm_config(source, model, url, **settings), run, force=force, dry_run=dry_run)
