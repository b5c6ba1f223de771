"""``embedtune generate``."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import GenerateConfig

_log = logging.getLogger("embedtune")


@click.command("generate")
@click.argument("source", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder; writes OUT/dataset.  [default: runs/NAME, from SOURCE]"
)
@options.settings(GenerateConfig, "model", "generator")
@options.llm
@options.settings(GenerateConfig, "queries_from", "window_tokens", "query_prompt", "document_prompt")
@options.settings(GenerateConfig, "strict", "trust_remote_code")
@options.shared()
def command(common: options.Shared, out: Path | None, **given: Any) -> None:
    """Make passages, queries and relevance judgements from documents.

    SOURCE is a folder of documents (text, Markdown, HTML, PDF, Office, tables, mail …), a BEIR folder, a LlamaIndex
    {queries, corpus, relevant_docs} JSON file, or python-reference (the language reference that comes with Python).

    \b
    Example: embedtune generate docs/
             embedtune generate docs/ --out runs/mine --llm openai:gpt-4o-mini --dry-run
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.generate import generate

    if given["llm.name"] and given["generator"] is None:
        given["generator"] = "llm"
    config = common.load(GenerateConfig, "generate", given)
    folder = out or default_run(config.source)
    if out is None:
        _log.info("run folder: %s", folder)
    result = generate(config, folder, force=common.force, dry_run=common.dry_run)
    output.show("generate", result, as_json=common.as_json)


def default_run(source: str) -> Path:
    """Return the run folder of a source that is given without ``--out``: ``runs/NAME``."""
    name = re.sub(r"[^\w.+-]+", "-", Path(source).resolve().name.removesuffix(".json")).strip("-.")
    return Path("runs") / (name or "mine")
