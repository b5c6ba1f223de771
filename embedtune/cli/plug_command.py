"""``embedtune plug``: the code alone is on stdout, so that it can be redirected into a file."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedtune.cli import options
from embedtune.cli.layout import echo_wrapped
from embedtune.cli.output import print_json
from embedtune.snippets.routes import TARGETS

if TYPE_CHECKING:
    from embedtune.serving.embedder import Which
    from embedtune.snippets.routes import Route


@click.command("plug")
@click.argument("run", type=options.RUN)
@click.option(
    "--for",
    "target",
    type=options.Choice(list(TARGETS)),
    metavar="TARGET",
    help=f"What to load the model in: {', '.join(TARGETS)}. Without it, list what each of them loads.",
)
@options.which("Model that the code loads")
@click.option("--check", "is_checked", is_flag=True, help="Run the code, and compare its vectors with those of eval.")
@click.option(
    "--export", "folder", type=click.Path(path_type=Path), help="Write the model folders that a server loads."
)
@click.option(
    "--words",
    is_flag=True,
    help="Also print code for words beside vectors, as export-model --words writes them: pgvector, milvus, qdrant.",
)
@click.option("--url", "query_url", metavar="URL", help="Address of the server, or of the server for queries.")
@click.option("--document-url", metavar="URL", help="Address of the server for documents, if it is a different one.")
@options.TRUST
@options.AS_JSON
@options.logged
def command(
    run: Path,
    target: str | None,
    which: Which,
    is_checked: bool,
    folder: Path | None,
    words: bool,
    query_url: str | None,
    document_url: str | None,
    trust_remote_code: bool | None,
    as_json: bool,
) -> None:
    """Print the code that loads the model of RUN in a framework, a vector store or a server.

    The code has the prompts, the window and the dimension of the model, and treats queries and documents differently where
    the model does. With --check it is run in a fresh process on 50 queries and 50 passages: if their vectors or the ten best
    passages differ from eval's, the exit code is 7. To check a server, start it and give its --url.

    \b
    Example: embedtune plug runs/mine --for chroma --check
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.snippets.checking import check
    from embedtune.snippets.rendering import Served, render
    from embedtune.snippets.routes import all_routes, read_facts
    from embedtune.snippets.served_folders import export

    facts = read_facts(run, which, trust_remote_code=bool(trust_remote_code))
    if target is None:
        if is_checked or folder or words:
            raise click.UsageError("--check, --export and --words need --for")
        routes = all_routes(facts)
        if as_json:
            targets = {name: route._asdict() for name, route in routes.items()}
            print_json({"schema_version": 1, "facts": facts.as_json(), "targets": targets})
        else:
            _print_routes(routes)
        return
    plug = render(facts, target, Served(folder, query_url, document_url), words=words)
    if folder:
        export(facts, folder)
    checked = check(facts, plug, url=query_url) if is_checked else None
    if as_json:
        document = {"schema_version": 1, "target": target, "facts": facts.as_json(), **plug.route._asdict()}
        code = {"install": plug.install, "commands": plug.commands, "code": plug.code}
        print_json({**document, **code, "check": checked and checked._asdict()})
        return
    click.echo(plug.code, nl=False)
    echo_wrapped(f"the code loads {facts.model}; decided: {facts.decision}. {facts.decision.reason}", err=True)
    if checked:
        click.echo(
            f"checked: {checked.n_queries} queries and {checked.n_passages} passages have the same vectors as in eval (largest "
            f"difference {checked.difference:.1g}) and the same top ten",
            err=True,
        )


def _print_routes(routes: Mapping[str, Route]) -> None:
    name_width = max(map(len, routes)) + 2
    targets: dict[str, list[str]] = {}
    for name, route in routes.items():
        click.echo(f"{name:<{name_width}}{route.loads or 'cannot load it'}")
        for reason in route.reasons:
            targets.setdefault(reason, []).append(name)
    columns = shutil.get_terminal_size().columns
    for reason, names in targets.items():
        click.echo(textwrap.fill(f"· {', '.join(names)}: {reason}.", columns, subsequent_indent="  "))
