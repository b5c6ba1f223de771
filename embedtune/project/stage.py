"""The result of a stage, and whether it has to run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal

from embedtune.events import StageEnded, emit
from embedtune.project.manifest import R, is_done, read_manifest, request_rerun

_log = logging.getLogger("embedtune")


@dataclass(frozen=True)
class Plan:
    """What a dry run found, and JSON values on what it would work on."""

    would_run: bool
    details: Mapping[str, object]


@dataclass(frozen=True)
class StageResult(Generic[R]):
    """Where a stage's files are and what it found.

    Attributes:
        status: ``done``, ``skipped`` (it was done already) or ``planned`` (a dry run).
        recorded: What the stage counted and measured, the same whether it ran or was skipped; None after a dry run.
    """

    folder: Path
    status: Literal["done", "skipped", "planned"]
    recorded: R | None = None
    plan: Plan | None = None

    @property
    def record(self) -> R:
        """What the stage counted and measured.

        Raises:
            ValueError: After a dry run, which measures nothing.
        """
        if self.recorded is None:
            raise ValueError(f"{self.folder}: expected a stage that has run, found a dry run")
        return self.recorded

    def __str__(self) -> str:
        lines = self.record.summary() if self.plan is None else f"would run: {self.plan.would_run}"
        return f"{self.folder}: {self.status}\n{lines}"

    __repr__ = __str__

    def as_json(self) -> dict[str, object]:
        """Return the record, or after a dry run the plan, as JSON values."""
        if self.plan is None:
            return self.record.as_json()
        return {"dry_run": True, "would_run": self.plan.would_run, **self.plan.details}


def skip_or_plan(
    folder: Path,
    identity: Mapping[str, object],
    record: type[R],
    plan: Mapping[str, object],
    *,
    force: bool,
    dry_run: bool,
    check: Callable[[], None] = lambda: None,
) -> StageResult[R] | None:
    """Return the result if there is nothing to do, because the stage is done or this is a dry run; else None.

    Forced work is noted: if it is interrupted, the stage continues next time without ``force``. ``check`` is called if there is
    work to do, in a dry run too; it raises what would stop the work.
    """
    done = not force and is_done(folder, identity)
    if not done:
        check()
    if dry_run:
        return StageResult(folder, "planned", plan=Plan(not done, plan))
    if done:
        _log.info("%s: nothing it depends on has changed, skipped", folder)
        found = read_manifest(folder, record).record
        emit(StageEnded(stage=folder.name, status="skipped", record=found.as_json()))
        return StageResult(folder, "skipped", found)
    if force:
        request_rerun(folder)
    return None
