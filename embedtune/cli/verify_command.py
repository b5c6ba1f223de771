"""``embedtune verify``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("verify")
@click.argument("run", type=_RUN)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(run: Path, as_json: bool) -> None:
    """Hold every byte of RUN against what its stages recorded.

    Exit code 7 if a byte differs, 0 otherwise. A stage whose input has been made anew since is called stale: running it
    again brings it up to date.

    \b
    Example: embedtune verify runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.errors import IntegrityError
    from embedtune.pipeline.verify import verify_run

    states = verify_run(run)
    output.show_states(run, states, as_json=as_json)
    changed = [f"{run / state.stage / name}" for state in states if state.state == "changed" for name in state.files]
    if changed:
        raise IntegrityError(
            f"{run}: expected the files that its manifests record, found a difference in {', '.join(changed[:5])}",
            hint="run the stage that wrote them again with --force",
        )
