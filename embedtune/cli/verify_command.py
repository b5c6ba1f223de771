"""``embedtune verify``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output


@click.command("verify")
@click.argument("run", type=options.RUN)
@options.AS_JSON
def command(run: Path, as_json: bool) -> None:
    """Check the files of RUN against the recorded checksums.

    The exit code is 7 if a file differs, and 0 otherwise. A stage is stale if an earlier stage was run again after it; run it
    again to bring it up to date.

    \b
    Example: embedtune verify runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.errors import IntegrityError
    from embedtune.pipeline.verify import verify_run

    states = verify_run(run)
    if as_json:
        output.print_json({"schema_version": 1, "run": str(run), "stages": [state._asdict() for state in states]})
    else:
        for stage, state, files in states:
            detail = {"changed": ": " + ", ".join(files), "stale": f": {', '.join(files)} has changed since"}
            click.echo(f"{stage:<9}{state}{detail.get(state, '')}")
    changed = [f"{run / state.stage / name}" for state in states if state.state == "changed" for name in state.files]
    if changed:
        raise IntegrityError(
            f"{run}: expected the files that its manifests record, found a difference in {', '.join(changed[:5])}",
            hint="run the stage that wrote them again with --force",
        )
