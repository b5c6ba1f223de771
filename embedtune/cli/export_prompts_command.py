"""``embedtune export-prompts``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import GenerateConfig, load_config


@click.command("export-prompts")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder, as for generate.")
@click.option("--to", "prompts", type=click.Path(path_type=Path), required=True, help="JSON Lines file to write.")
@options.setting(GenerateConfig, "model")
@options.setting(GenerateConfig, "window_tokens", "--window", "--window-tokens", "window_tokens")
@options.llm
@options.shared
def command(common: options.Shared, out: Path, prompts: Path, **given: Any) -> None:
    """Write the prompts that generate would send, for a batch API or a cluster.

    SOURCE and options are those of generate. The file has the format of OpenAI's batch API; read the answers with embedtune
    import-responses. Nothing is sent.

    \b
    Example: embedtune export-prompts docs/ --out runs/mine --llm openai:gpt-4o-mini --to prompts.jsonl
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.llm_batches import export_prompts

    given["generator"] = "llm"
    config = load_config(GenerateConfig, section="generate", file=common.file, settings=common.settings, options=given)
    output.show_facts(export_prompts(config, out, prompts), as_json=common.as_json)
