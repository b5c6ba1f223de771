"""``embedtune templates``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("templates")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
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
