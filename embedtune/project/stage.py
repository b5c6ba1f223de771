"""What every stage returns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.project.manifest import is_done, read_manifest, request_rerun

_log = logging.getLogger("embedtune")


class StageResult(NamedTuple):
    """Where a stage's files are and what it found.

    Attributes:
        folder: The stage's folder.
        facts: What the stage counted and measured, JSON values; the same whether it ran or was skipped.
        status: ``done``, ``skipped`` (it was done already) or ``planned`` (a dry run).
    """

    folder: Path
    facts: dict[str, Any]
    status: str


def by_query_set(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what an evaluation found on each of its query sets."""
    return list(facts["sets"].values()) if "sets" in facts else [facts]


def finished_or_planned(
    folder: Path,
    identity: dict[str, Any],
    plan: dict[str, Any],
    *,
    force: bool,
    dry_run: bool,
    check: Callable[[], None] = lambda: None,
) -> StageResult | None:
    """Return the result if there is nothing to do now: the stage is done, or this is a dry run; else None.

    ``check`` is called when there is work to do, in a dry run too; it raises what would stop the work. Work that ``force``
    asks for is noted: if it is broken off, the same stage works the next time without ``force``, and a training goes on.
    """
    done = not force and is_done(folder, identity)
    if not done:
        check()
    if dry_run:
        return StageResult(folder, {"dry_run": True, "would_run": not done, **plan}, "planned")
    if done:
        _log.info("%s: nothing it depends on has changed, skipped", folder)
        return StageResult(folder, read_manifest(folder)["facts"], "skipped")
    if force:
        request_rerun(folder)
    return None
