"""``embedtune import-responses``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import-responses")
@click.argument("run", type=_RUN)
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(run: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Take answers to exported prompts into RUN; generate then uses them as its own and asks only for the rest.

    A line is what a batch API writes ({"custom_id": …, "response": …}) or {"custom_id": …, "text": …}. Lines that are taken a
    second time change nothing.

    \b
    Example: embedtune import-responses runs/mine answers.jsonl
    """  # noqa: D301 (click reads the escaped b)
    options.set_up_logging(quiet=False, verbose=False)
    from embedtune.pipeline.llm_batches import import_responses

    output.show_facts(import_responses(run, files), as_json=as_json)
