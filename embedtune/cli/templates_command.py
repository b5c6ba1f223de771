"""``embedtune templates``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("templates")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Copy the prompts that ask an LLM for queries into FOLDER, to be edited.

    They are Jinja templates, filled in a sandbox: write.jinja asks for queries, plain.jinja is for models that do not chat,
    judge.jinja and relabel.jinja ask for grades. A file that you delete is taken from the package.

    \b
    Example: embedtune templates prompts/
             embedtune generate docs/ --out runs/mine --llm openai:gpt-4o-mini --templates prompts/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.synthesis.llm.prompts import copy_templates

    for path in copy_templates(folder):
        click.echo(str(path))
