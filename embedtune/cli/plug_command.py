"""``embedtune plug``.

How the code for a stack is shown: the code alone on stdout, so that it can be sent into a file.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedtune.cli import options
from embedtune.cli.output import print_json
from embedtune.snippets.targets import TARGETS

if TYPE_CHECKING:
    from embedtune.snippets.checking import Check
    from embedtune.snippets.facts import Facts
    from embedtune.snippets.rendering import Plug
    from embedtune.snippets.routes import Route


def show_plug(facts: Facts, plug: Plug, checked: Check | None, *, as_json: bool) -> None:
    """Print the code; on stderr, what a check found."""
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "target": plug.target,
                "facts": _plain(facts),
                "loads": plug.route.loads,
                "reasons": plug.route.reasons,
                "install": plug.install,
                "commands": plug.commands,
                "code": plug.code,
                "check": checked._asdict() if checked else None,
            }
        )
        return
    click.echo(plug.code, nl=False)
    if checked:
        click.echo(
            f"checked: {checked.n_queries} queries and {checked.n_passages} passages get eval's vectors (largest difference "
            f"{checked.difference:.1g}) and the same ten passages",
            err=True,
        )


def show_routes(facts: Facts, routes: Mapping[str, Route], *, as_json: bool) -> None:
    """Print what each target loads, and why."""
    if as_json:
        found = {name: route._asdict() for name, route in routes.items()}
        print_json({"schema_version": 1, "facts": _plain(facts), "targets": found})
        return
    width, columns = max(map(len, routes)) + 2, shutil.get_terminal_size().columns
    for name, route in routes.items():
        click.echo(f"{name:<{width}}{route.loads or 'cannot load it'}")
    targets: dict[str, list[str]] = {}
    for name, route in routes.items():
        for reason in route.reasons:
            targets.setdefault(reason, []).append(name)
    for reason, names in targets.items():
        click.echo(
            textwrap.fill(f"{', '.join(names)}: {reason}.", columns, initial_indent="· ", subsequent_indent="  ")
        )


def _plain(facts: Facts) -> dict[str, Any]:
    known = facts._asdict()
    return {**known, "run": str(facts.run), "map_file": str(facts.map_file) if facts.map_file else None}


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
    from embedtune.snippets.checking import check
    from embedtune.snippets.facts import read_facts
    from embedtune.snippets.rendering import Served, render
    from embedtune.snippets.routes import all_routes
    from embedtune.snippets.served_folders import export

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
