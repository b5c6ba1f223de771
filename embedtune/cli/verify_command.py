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
    output.show_states(run, states, as_json=as_json)
    changed = [f"{run / state.stage / name}" for state in states if state.state == "changed" for name in state.files]
    if changed:
        raise IntegrityError(
            f"{run}: expected the files that its manifests record, found a difference in {', '.join(changed[:5])}",
            hint="run the stage that wrote them again with --force",
        )
