"""``embedtune export-prompts``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output


@click.command("export-prompts")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder, as for generate.")
@click.option("--to", "prompts", type=click.Path(path_type=Path), required=True, help="JSON lines to write.")
@click.option("--model", help="Base model: hub name or local folder.")
@click.option("--window-tokens", type=int, help="Tokens of a passage.")
@options.llm
@options.shared
def command(common: options.Shared, out: Path, prompts: Path, **given: Any) -> None:
    """Write the prompts that generate would send, so that a batch API or a cluster can answer them.

    SOURCE and options are those of generate. The lines are in the form of OpenAI's batch API; embedtune import-responses takes
    the answers. Nothing is sent.

    \b
    Example: embedtune export-prompts docs/ --out runs/mine --llm openai:gpt-4o-mini --to prompts.jsonl
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import GenerateConfig, load_config
    from embedtune.pipeline.llm_batches import export_prompts

    given["generator"] = "llm"
    config = load_config(GenerateConfig, section="generate", file=common.file, settings=common.settings, options=given)
    output.show_facts(export_prompts(config, out, prompts), as_json=common.as_json)
