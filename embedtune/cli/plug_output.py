"""How the code for a stack is shown: the code alone on stdout, so that it can be sent into a file."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from embedtune.cli.output import print_json

if TYPE_CHECKING:
    from embedtune.plugs.checking import Check
    from embedtune.plugs.facts import Facts
    from embedtune.plugs.rendering import Plug
    from embedtune.plugs.routes import Route


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
