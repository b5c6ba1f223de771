"""``embedtune generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output

_FROM = click.Choice(["generate", "source", "both"])


@click.command("generate")
@click.argument("source", required=False)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder; writes OUT/dataset.")
@click.option("--model", help="Base model: hub name or local folder.")
@click.option(
    "--generator", type=click.Choice(["extractive", "llm"]), help="What makes queries; extractive needs no LLM."
)
@options.llm
@click.option(
    "--queries-from", type=_FROM, help="Generated queries, the source's own judgements (never its test), or both."
)
@click.option(
    "--window",
    "--window-tokens",
    "window_tokens",
    type=int,
    help="Tokens of a passage; longer ready-made ones count as their best window.",
)
@click.option("--query-prompt", help="Text in front of every query.")
@click.option("--document-prompt", help="Text in front of every passage.")
@click.option("--strict", is_flag=True, default=None, help="Stop if a file that is not hidden cannot be read.")
@click.option("--trust-remote-code", is_flag=True, default=None, help="Run code that comes with the model.")
@options.shared
def command(common: options.Shared, out: Path, **given: Any) -> None:
    """Make passages, queries and judgements from documents.

    SOURCE is a folder of documents (text, Markdown, HTML, PDF, Office, tables, mail …), a BEIR folder, a LlamaIndex
    {queries, corpus, relevant_docs} JSON, or python-reference (the language reference inside Python).

    \b
    Example: embedtune generate docs/ --out runs/mine
             embedtune generate docs/ --out runs/mine --generator llm --llm openai:gpt-4o-mini --dry-run
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import GenerateConfig, load_config
    from embedtune.pipeline.generate import generate

    if given["llm.name"] and given["generator"] is None:
        given["generator"] = "llm"
    config = load_config(GenerateConfig, section="generate", file=common.file, settings=common.settings, options=given)
    output.show("generate", generate(config, out, force=common.force, dry_run=common.dry_run), as_json=common.as_json)
