"""Comparing a run folder with the manifests of its stages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from embedtune.errors import DataError
from embedtune.project.layout import DATASET, EVAL, MODEL, NEGATIVES, SEARCH, WRITER
from embedtune.project.manifest import MANIFEST, Manifest, find_changes, read_manifest
from embedtune.project.records import Record

_INPUTS = {
    DATASET: (),
    MODEL: (DATASET,),
    EVAL: (DATASET, MODEL),
    NEGATIVES: (DATASET,),
    WRITER: (),
    SEARCH: (DATASET,),
}
_IN_FEW_RUNS = (NEGATIVES, WRITER, SEARCH)


class StageState(NamedTuple):
    """The state of a stage's folder.

    Attributes:
        stage: Name of the folder.
        state: ``whole``; ``changed`` (bytes differ from the record); ``stale`` (whole, but a stage it was made from has
            changed since); ``absent``.
        files: The files that differ, or the stages that have changed.
        same_settings: Of a stale stage, whether what has changed was made with the settings that it knows: a training that was
            repeated, whose bytes differ on some machines.
    """

    stage: str
    state: str
    files: list[str]
    same_settings: bool = False


def verify_run(run: Path) -> list[StageState]:
    """Compare every byte of every stage with its manifest, and each stage with its inputs.

    Raises ``DataError`` if no stage has run there.
    """
    made = [stage for stage in _INPUTS if stage not in _IN_FEW_RUNS or (run / stage).exists()]
    states = [_state(run, stage) for stage in made]
    if all(state.state == "absent" for state in states):
        raise DataError(
            f"{run}: expected a run folder with {DATASET}/, found no finished stage",
            hint="embedtune generate SOURCE --out RUN makes one",
        )
    return states


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _state(run: Path, stage: str) -> StageState:
    if not (run / stage / MANIFEST).is_file():
        left = os.path.lexists(run / stage) and not _is_empty(run / stage)
        return StageState(stage, "changed", [MANIFEST]) if left else StageState(stage, "absent", [])
    try:
        changed = find_changes(run / stage)
    except DataError:
        changed = [MANIFEST]
    if changed:
        return StageState(stage, "changed", changed)
    identity = read_manifest(run / stage, Record).identity
    inputs = {name: _manifest(run / name) for name in _INPUTS[stage]}
    stale = [name for name, found in inputs.items() if found is None or getattr(identity, name) != found.outputs]
    known = (identity.model_extra or {}).get("recorded") or ()
    same = all((found := inputs[name]) is not None and found.identity_hash in known for name in stale)
    return StageState(stage, "stale" if stale else "whole", stale, bool(stale) and same)


def _manifest(folder: Path) -> Manifest[Record] | None:
    try:
        return read_manifest(folder, Record)
    except DataError:
        return None
