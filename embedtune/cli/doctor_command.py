"""``embedtune doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output


@click.command("doctor")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(run: Path | None, as_json: bool) -> None:
    """Try whether embedtune can work here: libraries, cores, memory, disk, models, quantised training, search.

    With RUN, a run folder, disk and permission are checked there, and which of its stages are done. Nothing is written and
    the network is not used. Exit code 0 if embedtune can work, 5 if memory, disk or permission forbid it, else 2.

    \b
    Example: embedtune doctor
    """  # noqa: D301 (click reads the escaped b)
    options.set_up_logging(quiet=True, verbose=False)
    from embedtune.doctor import examine, exit_code

    rows = examine(run)
    output.show_rows(rows, exit_code(rows), as_json=as_json)
    raise click.exceptions.Exit(exit_code(rows))
