"""``embedtune import-responses``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output


@click.command("import-responses")
@click.argument("run", type=options.RUN)
@click.argument("files", type=options.FILE, nargs=-1, required=True)
@options.AS_JSON
def command(run: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Read the answers to exported prompts into RUN; generate then calls the LLM only for the rest.

    Each line is either the output of a batch API ({"custom_id": …, "response": …}) or {"custom_id": …, "text": …}. Importing a
    line twice changes nothing.

    \b
    Example: embedtune import-responses runs/mine answers.jsonl
    """  # noqa: D301 (click reads the escaped b)
    options.set_up_logging(quiet=False, verbose=False)
    from embedtune.pipeline.llm_batches import import_responses

    output.show_facts(import_responses(run, files), as_json=as_json)
