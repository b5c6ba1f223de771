"""``embedtune plug``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options
from embedtune.plugs.targets import TARGETS

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("plug")
@click.argument("run", type=_RUN)
@click.option(
    "--for", "target", type=click.Choice(list(TARGETS)), help="The stack or server; without it, what each can load."
)
@click.option("--check", "is_checked", is_flag=True, help="Run the code, and hold its vectors against eval's.")
@click.option("--export", "folder", type=click.Path(path_type=Path), help="Write the folders that servers can read.")
@click.option("--url", "query_url", metavar="URL", help="Of the server, or of that for queries.")
@click.option("--document-url", metavar="URL", help="Of the server for documents, if it is another.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Print what libraries log too.")
def command(
    run: Path,
    target: str | None,
    is_checked: bool,
    folder: Path | None,
    query_url: str | None,
    document_url: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Print the code that puts the model of RUN into a stack: its prompts, window and dimension, queries and documents apart.

    With --check the code is run in a fresh process; 50 queries and 50 passages must get eval's vectors and the same ten
    passages, else the exit code is 7. Of servers this needs one that runs: --url names it.

    \b
    Example: embedtune plug runs/mine --for chroma --check
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.cli.plug_output import show_plug, show_routes
    from embedtune.plugs.checking import check
    from embedtune.plugs.facts import read_facts
    from embedtune.plugs.rendering import Served, render
    from embedtune.plugs.routes import all_routes
    from embedtune.plugs.served_folders import export

    options.set_up_logging(quiet=quiet, verbose=verbose)
    facts = read_facts(run)
    if target is None:
        if is_checked or folder:
            raise click.UsageError("--check and --export need --for")
        show_routes(facts, all_routes(facts), as_json=as_json)
        return
    plug = render(facts, target, Served(folder, query_url, document_url))
    if folder:
        export(facts, folder)
    checked = check(facts, plug, url=query_url) if is_checked else None
    show_plug(facts, plug, checked, as_json=as_json)
