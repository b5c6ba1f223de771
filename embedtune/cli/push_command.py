"""``embedtune push``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output


@click.command("push")
@click.argument("run", type=options.RUN)
@click.argument("name")
@click.option("--public", is_flag=True, help="Let anyone read it; by default the repository is private.")
@options.AS_JSON
@options.logged
def command(run: Path, name: str, public: bool, as_json: bool) -> None:
    """Copy the model of RUN to the repository NAME of the Hugging Face Hub, with its card and its results.

    The token comes from HF_TOKEN or from `hf auth login`; HF_ENDPOINT names another hub. The repository is made if it is not
    there, private unless --public is given. Card and results hold none of your documents, queries or paths.

    \b
    Example: embedtune push runs/mine me/my-embedder
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.push import push

    pushed = push(run, name, public=public)
    if as_json:
        output.print_json({"schema_version": 1, **pushed._asdict()})
    else:
        click.echo(f"{pushed.address}   ({'private' if pushed.private else 'public'})")
