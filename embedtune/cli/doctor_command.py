"""``embedtune doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedtune.cli import options, output

if TYPE_CHECKING:
    from embedtune.doctor import Row


@click.command("doctor")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@options.AS_JSON
def command(run: Path | None, as_json: bool) -> None:
    """Check the installation: libraries, cores, memory, disk, models, quantised training and search.

    With RUN, disk space and permissions are checked in that run folder, and its finished stages are listed. Nothing is
    written and the network is not used. The exit code is 0 if embedtune can work, 5 if memory, disk space or a permission is
    missing, and 2 otherwise.

    \b
    Example: embedtune doctor
    """  # noqa: D301 (click reads the escaped b)
    options.set_up_logging(quiet=True, verbose=False)
    from embedtune.doctor import examine, exit_code

    rows = examine(run)
    code = exit_code(rows)
    if as_json:
        output.print_json({"schema_version": 1, "works": code == 0, "rows": [row._asdict() for row in rows]})
    else:
        _print_rows(rows, code)
    raise click.exceptions.Exit(code)


def _print_rows(rows: Sequence[Row], code: int) -> None:
    width = max(len(row.name) for row in rows)
    for row in rows:
        click.echo(f"{row.status:<4}  {row.name:<{width}}  {row.found}")
        if row.next:
            click.echo(f"{'':<{width + 6}}  → {row.next}")
    bad = sum(row.status == "fail" for row in rows)
    verdict = "can work here" if code == 0 else f"cannot work here: {bad} check{'s' * (bad > 1)} failed"
    click.echo(f"embedtune {verdict}")
