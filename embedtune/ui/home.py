"""The runs below a folder as a table: what their manifests say, without hashing a file or loading a model.

Folders that look like runs and cannot be read are rows too, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.errors import EmbedtuneError
from embedtune.evaluation.decision import decide_by
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import Comparison, EvaluationRecord, QuerySetRecord
from embedtune.project.layout import DATASET, EVAL, MODEL, STAGES
from embedtune.project.manifest import MANIFEST, Manifest, read_manifest
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.regular import read_json
from embedtune.systems import BASE, TUNED
from embedtune.ui.jobs import RECIPE, find_job
from embedtune.ui.roots import Root

_DEPTH = 5  # folders below the root that are looked into
_MOST_FOLDERS = 20_000
_STAGE_NAMES = {DATASET: "generated", MODEL: "trained", EVAL: "evaluated"}
_NOT_RUNS = frozenset({"node_modules", "__pycache__"})


class Row(NamedTuple):
    """A run.

    Attributes:
        stage: The last stage that is done: ``generated``, ``trained``, ``evaluated``; ``new`` before the first.
        verdict: The decision's system, or why there is none yet.
        score: The main measure of the system that the decision names; None without an evaluation.
        gain: Tuned against base, or fusion against base where nothing was tuned, by that measure.
        date: When the last stage began, in UTC.
        size: Bytes of all files.
        working: What a process is doing there now; empty where none is.
        problem: Why this is no whole run; empty where it is.
    """

    name: str
    documents: str = ""
    base: str = ""
    method: str = ""
    stage: str = "new"
    verdict: str = ""
    score: float | None = None
    gain: Comparison | None = None
    date: str = ""
    size: int = 0
    working: str = ""
    problem: str = ""


def read_rows(root: Root) -> list[Row]:
    """Return a row for each run, those that were worked on last first; broken and foreign ones come last."""
    rows = [_row(name, path) for name, path in (root.runs.items() or _walk(root.folder))]
    return sorted(sorted(rows, key=lambda row: row.name), key=lambda row: (not row.problem, row.date), reverse=True)


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what looks like a run: a stage's folder with a manifest, or a recipe of this page, is in it."""
    left, waiting = _MOST_FOLDERS, [(folder, 0)]
    while waiting and left:
        left -= 1
        here, depth = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = {entry.name: entry for entry in entries}
        except OSError:
            continue
        if RECIPE in found or any(_has_manifest(found.get(stage)) for stage in STAGES):
            yield here.relative_to(folder).as_posix(), here
            continue
        for name, entry in found.items():
            if entry.is_symlink():
                if _points_to_run(entry):
                    yield Path(entry.path).relative_to(folder).as_posix(), Path(entry.path)
            elif not name.startswith(".") and name not in _NOT_RUNS and depth < _DEPTH and entry.is_dir():
                waiting.append((Path(entry.path), depth + 1))


def _has_manifest(entry: os.DirEntry[str] | None) -> bool:
    return entry is not None and entry.is_dir(follow_symlinks=False) and Path(entry.path, MANIFEST).is_file()


def _points_to_run(entry: os.DirEntry[str]) -> bool:
    try:
        return any((Path(entry.path) / stage / MANIFEST).is_file() for stage in STAGES)
    except OSError:
        return False


def _row(name: str, path: Path) -> Row:
    if path.is_symlink():
        return Row(name, problem="a link, which this page does not follow")
    working = found.what if (found := find_job(path)) else ""
    size = _size(path)
    try:
        return _read(name, path)._replace(size=size, working=working)
    except EmbedtuneError as error:
        return Row(name, size=size, working=working, problem=_foreign(path) or str(error))
    except (OSError, ValueError, RecursionError) as error:  # such as a file of another program
        return Row(name, size=size, working=working, problem=_foreign(path) or f"cannot be read: {error}")


def _read(name: str, path: Path) -> Row:
    done = [stage for stage in (DATASET, MODEL, EVAL) if (path / stage / MANIFEST).is_file()]
    if not done:
        return Row(name)
    row = Row(name, stage=_STAGE_NAMES[done[-1]])
    outputs = {}
    if DATASET in done:
        dataset = read_manifest(path / DATASET, DatasetRecord)
        outputs[DATASET] = dataset.outputs
        base = Path(str(dataset.identity.config.get("model", ""))).name
        row = row._replace(documents=_documents(dataset), base=base, date=dataset.circumstances.started or "")
    if MODEL in done:
        model = read_manifest(path / MODEL, ModelRecord)
        outputs[MODEL] = model.outputs
        row = row._replace(method=model.record.method, date=model.circumstances.started or row.date)
    if EVAL in done:
        return _with_evaluation(row, path, outputs)
    return row._replace(verdict="not evaluated yet" if MODEL in done else "not trained yet")


def _documents(dataset: Manifest[DatasetRecord]) -> str:
    source = Path(dataset.circumstances.source or dataset.record.source).name
    return f"{dataset.record.documents:,} of {source}" if source else f"{dataset.record.documents:,}"


def _with_evaluation(row: Row, path: Path, outputs: Mapping[str, Mapping[str, str]]) -> Row:
    evaluation = read_manifest(path / EVAL, EvaluationRecord)
    decision = decide_by(evaluation.record.sets.values(), evaluation.record.shipped)
    decided = evaluation.record.sets[decision.queries]
    known = {DATASET: evaluation.identity.dataset, MODEL: evaluation.identity.model}
    stale = any(known[stage] != of_stage for stage, of_stage in outputs.items())
    verdict = "keep the base" if decision.system == BASE else f"use {decision.system}"
    if decided.verdict.decision == "inconclusive":
        verdict += " (not enough evidence)"
    return row._replace(
        verdict=f"{verdict}{', stale' if stale else ''}",
        score=decided.systems.get(decision.system, {}).get(PRIMARY),
        gain=gain_of(decided),
        date=evaluation.circumstances.started or row.date,
    )


def gain_of(results: QuerySetRecord) -> Comparison | None:
    """Return what tuning gained by the main measure, or what fusion did where nothing was tuned."""
    return results.comparison(TUNED, BASE, PRIMARY) or results.comparison("hybrid_base", BASE, PRIMARY)


def _foreign(path: Path) -> str:
    """Say which manifest is of another program; empty where all are ours, or cannot be read at all."""
    for stage in STAGES:
        file = path / stage / MANIFEST
        if file.is_file():
            try:
                content: Any = read_json(file)
            except (OSError, ValueError, RecursionError):
                return f"broken: {stage}/{MANIFEST} is no JSON"
            if not isinstance(content, dict) or "identity_hash" not in content:
                return f"foreign: {stage}/{MANIFEST} is not of embedtune"
    return ""


def _size(folder: Path) -> int:
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
