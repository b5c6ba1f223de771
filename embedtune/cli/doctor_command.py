"""``embedtune doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output


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
    output.show_rows(rows, exit_code(rows), as_json=as_json)
    raise click.exceptions.Exit(exit_code(rows))
