"""Where a run stands: what changed in its documents, the state of each stage, the decision, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.documents.inventory import Changes, changes_between, read_inventory, take_inventory
from embedtune.evaluation.decision import Decision, decide
from embedtune.pipeline.verify import StageState, verify_run
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import Manifest, library_versions, read_manifest
from embedtune.project.records import DatasetRecord, ModelRecord, Record
from embedtune.project.trained_run import TrainedRun, dataset_settings


class Status(NamedTuple):
    """The state of a run.

    Attributes:
        source: Where its documents were read from; empty where the run does not say.
        documents: What has changed there since; None where that cannot be told.
        why_unknown: Why it cannot be told; empty where it can.
        stages: As ``verify`` finds them; ``stale`` too where the documents have changed.
        versions: Libraries whose version is another one now, such as ``torch 2.12.0 → 2.13.0``; then generate runs anew.
        decision: Which system to use; None without a model, and where a stage was changed.
        next: The command that brings the run up to date; empty if it is.
    """

    source: str
    documents: Changes | None
    why_unknown: str
    stages: list[StageState]
    versions: list[str]
    decision: Decision | None
    next: str

    def as_json(self) -> dict[str, object]:
        """Return JSON values."""
        return {
            **self._asdict(),
            "documents": None if self.documents is None else self.documents._asdict(),
            "stages": [stage._asdict() for stage in self.stages],
            "decision": self.decision and self.decision._asdict(),
        }


def read_status(run: Path | str) -> Status:
    """Compare a run with its documents, and its stages with each other; no model is loaded, and nothing is written.

    Raises:
        DataError: If there is no run, or a document cannot be read.
    """
    run = Path(run)
    stages = verify_run(run)
    manifest = read_manifest(run / DATASET, Record)
    source = manifest.circumstances.source or ""
    documents, why_unknown = changes_since(run, manifest)
    if documents:
        stages = [_stale(stage, documents) for stage in stages]
    states = {stage.stage: stage.state for stage in stages}
    versions = _other_versions(manifest)
    decision = _decision(run, states)
    return Status(source, documents, why_unknown, stages, versions, decision, _next(run, source, states))


def _decision(run: Path, states: Mapping[str, str]) -> Decision | None:
    """Return the decision, unless there is no model or a stage was changed; ``verify_run`` has read every byte already."""
    if states[MODEL] == "absent" or "changed" in (states[DATASET], states[MODEL], states[EVAL]):
        return None
    dataset = read_manifest(run / DATASET, DatasetRecord)
    return decide(TrainedRun(run, dataset, read_manifest(run / MODEL, ModelRecord), dataset_settings(dataset)))


def changes_since(run: Path, manifest: Manifest[Any]) -> tuple[Changes | None, str]:
    """Compare a run's documents with those that its dataset was made from; None, and why, where that cannot be told."""
    source = manifest.circumstances.source or ""
    before = read_inventory(run / DATASET)
    if before is None or not source:
        return None, "the run was made by a version that did not record its files"
    if not before:
        return Changes([], [], [], []), ""
    if not Path(source).exists():
        return None, f"{source} is not there"
    return changes_between(before, take_inventory(source, manifest.circumstances.labels or ())), ""


def _stale(stage: StageState, documents: Changes) -> StageState:
    if stage.stage != DATASET or stage.state != "whole":
        return stage
    return StageState(DATASET, "stale", ["documents"])


def _other_versions(manifest: Manifest[Record]) -> list[str]:
    recorded = (manifest.identity.model_extra or {}).get("versions")
    if not isinstance(recorded, dict):
        return []
    now = library_versions()
    return [f"{name} {was} → {now.get(name, 'none')}" for name, was in recorded.items() if now.get(name) != was]


def _next(run: Path, source: str, states: Mapping[str, str]) -> str:
    """Return the command for the first stage that is not up to date."""
    place = shlex.quote(str(run))
    commands = {
        DATASET: f"embedtune generate {shlex.quote(source or 'SOURCE')} --out {place}",
        MODEL: f"embedtune train {place}",
        EVAL: f"embedtune eval {place}",
    }
    for stage, command in commands.items():
        if states[stage] != "whole":
            return command + (" --force" if states[stage] == "changed" else "")
    return ""
