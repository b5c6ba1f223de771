"""``embedtune status``: where a run stands, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedtune.cli import options
from embedtune.cli.layout import echo_wrapped, print_next
from embedtune.cli.output import print_json

if TYPE_CHECKING:
    from embedtune.documents.inventory import Changes
    from embedtune.pipeline.passage_changes import PassageChanges
    from embedtune.pipeline.status import Status

_NAMED = 5


@click.command("status")
@click.argument("run", type=options.RUN)
@click.option(
    "--passages",
    "lists_passages",
    is_flag=True,
    help="Read the documents again, and list the ids of passages to delete from a vector store and to add to it.",
)
@options.AS_JSON
@options.logged
def command(run: Path, lists_passages: bool, as_json: bool) -> None:
    """Show what has changed in the documents of RUN, the state of its stages, the decision, and the next command.

    \b
    Example: embedtune status runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.status import read_status

    status, passages = read_status(run), None
    if lists_passages:
        from embedtune.pipeline.passage_changes import passage_changes

        passages = passage_changes(run, status)
    if as_json:
        print_json(
            {"schema_version": 1, "run": str(run), **status.as_json(), "passages": passages and passages._asdict()}
        )
        return
    _print_status(status)
    if passages:
        _print_passages(passages)
    if status.next:
        print_next(status.next)


def _print_status(status: Status) -> None:
    found = str(status.documents) if status.documents is not None else f"not known: {status.why_unknown}"
    echo_wrapped(f"{'documents':<11}{found}", " " * 11)
    if status.documents:
        _print_names(status.documents)
    for stage in status.stages:
        why = f": {', '.join(stage.files)} changed" if stage.files else ""
        echo_wrapped(f"{stage.stage:<11}{stage.state}{why}", " " * 11)
    if status.versions:
        echo_wrapped(f"{'versions':<11}{', '.join(status.versions)}: generate would run anew", " " * 11)
    if status.decision:
        echo_wrapped(f"{'decision':<11}use {status.decision}. {status.decision.reason}", " " * 11)


def _print_names(changes: Changes) -> None:
    renamed = [f"{old} → {new}" for old, new in changes.renamed]
    for kind, names in {**changes._asdict(), "renamed": renamed}.items():
        if names:
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            echo_wrapped(f"{'':<11}{kind}: {', '.join(names[:_NAMED])}{more}", " " * 13)


def _print_passages(passages: PassageChanges) -> None:
    click.echo(
        f"{'passages':<11}{len(passages.delete)} to delete, {len(passages.add)} to add, {passages.kept} unchanged"
    )
    for name in passages.delete:
        click.echo(f"- {name}")
    for name in passages.add:
        click.echo(f"+ {name}")
