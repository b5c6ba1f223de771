"""``embedtune templates``, ``export-prompts`` and ``import-responses``: LLM prompts to edit, and calls through a batch API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import GenerateConfig


@click.command("templates")
@click.argument("folder", type=click.Path(path_type=Path))
def templates(folder: Path) -> None:
    """Copy the LLM prompts into FOLDER, to edit them.

    They are Jinja templates, rendered in a sandbox: write.jinja asks for queries, plain.jinja does the same for models
    without a chat template, judge.jinja and relabel.jinja ask for grades. For a file that you delete, the packaged one is
    used.

    \b
    Example: embedtune templates prompts/
             embedtune generate docs/ --out runs/mine --llm openai:gpt-4o-mini --templates prompts/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.synthesis.llm.prompts import copy_templates

    for path in copy_templates(folder):
        click.echo(str(path))


@click.command("export-prompts")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder, as for generate.")
@click.option("--to", "prompts", type=click.Path(path_type=Path), required=True, help="JSON Lines file to write.")
@options.settings(GenerateConfig, "model", "window_tokens")
@options.llm
@options.shared()
def export_prompts(common: options.Shared, out: Path, prompts: Path, **given: Any) -> None:
    """Write the prompts that generate would send, for a batch API or a cluster.

    SOURCE and options are those of generate. The file has the format of OpenAI's batch API; read the answers with embedtune
    import-responses. Nothing is sent.

    \b
    Example: embedtune export-prompts docs/ --out runs/mine --llm openai:gpt-4o-mini --to prompts.jsonl
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline import llm_batches

    config = common.load(GenerateConfig, "generate", {**given, "generator": "llm"})
    output.show_facts(llm_batches.export_prompts(config, out, prompts), as_json=common.as_json)


@click.command("import-responses")
@click.argument("run", type=options.RUN)
@click.argument("files", type=options.FILE, nargs=-1, required=True)
@options.AS_JSON
def import_responses(run: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Read the answers to exported prompts into RUN; generate then calls the LLM only for the rest.

    Each line is either the output of a batch API ({"custom_id": …, "response": …}) or {"custom_id": …, "text": …}. Importing a
    line twice changes nothing.

    \b
    Example: embedtune import-responses runs/mine answers.jsonl
    """  # noqa: D301 (click reads the escaped b)
    options.set_up_logging(quiet=False, verbose=False)
    from embedtune.pipeline import llm_batches

    output.show_facts(llm_batches.import_responses(run, files), as_json=as_json)
