"""Runs over one corpus, side by side: what differs in their settings, and their systems on the same queries, in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from embedtune.errors import DataError
from embedtune.evaluation.significance import compare
from embedtune.evaluation.slices import group_queries
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import Comparison
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import MANIFEST, read_manifest
from embedtune.project.records import Record
from embedtune.systems import BASE, TUNED, in_order
from embedtune.ui.evaluations import Evaluation, read_evaluations
from embedtune.ui.views import Change, biggest, summary

_CORPUS = "corpus.jsonl"
_SHOWN = 8


class Setting(NamedTuple):
    """A setting that is not the same in both runs; a dash where a run has none."""

    name: str
    first: str
    second: str


class SideBySide(NamedTuple):
    """Two runs.

    Attributes:
        settings: What differs.
        queries: Name of the query set, and how many queries both answered.
        systems: The same system of both runs by the main measure, the second against the first.
        system: The one whose queries are compared.
        gained: Queries on which the second run is better by it, biggest first; ``lost``: worse.
        summary: The same in a sentence.
    """

    settings: list[Setting]
    queries: str
    n_queries: int
    systems: list[Comparison]
    system: str
    gained: list[Change]
    lost: list[Change]
    summary: str


def side_by_side(first: Path, second: Path) -> SideBySide:
    """Hold a run against another one.

    Raises:
        DataError: If they have different corpora, an evaluation is missing, or they share no queries with the same judgements.
        IntegrityError: If an evaluation was changed since it was written.
    """
    mine, theirs = (read_manifest(run / DATASET, Record).outputs.get(_CORPUS) for run in (first, second))
    if mine != theirs:
        raise DataError(
            f"{second.name}: expected the corpus of {first.name}, found another",
            hint="runs are compared over one corpus: made from the same documents in chunks of the same size",
        )
    name, before, after = _shared(read_evaluations(first), read_evaluations(second), first, second)
    ids = [query for query, judged in before.queries.qrels.items() if after.queries.qrels.get(query) == judged]
    queries = before.queries.subset(each for each in before.queries.queries if each.query_id in set(ids))
    scores = {
        f"{system}:{number}": {
            PRIMARY: np.array([evaluation.values[system][PRIMARY][query] for query in queries.qrels])
        }
        for number, evaluation in enumerate((before, after))
        for system in evaluation.values
    }
    systems = [each for each in in_order(before.values.keys()) if each in after.values]
    pairs = [(f"{system}:1", f"{system}:0") for system in systems]
    compared = compare(scores, pairs, group_queries(queries, before.passages).labels)
    system = TUNED if TUNED in systems else BASE
    moved = [
        Change(query, before.values[system][PRIMARY][query.query_id], after.values[system][PRIMARY][query.query_id])
        for query in queries.queries
    ]
    return SideBySide(
        differing_settings(first, second),
        name,
        len(queries.queries),
        [compared[pair][PRIMARY] for pair in pairs],
        system,
        biggest(moved, _SHOWN, losses=False),
        biggest(moved, _SHOWN, losses=True),
        summary(moved),
    )


def _shared(
    mine: Mapping[str, Evaluation], theirs: Mapping[str, Evaluation], first: Path, second: Path
) -> tuple[str, Evaluation, Evaluation]:
    """Return the query set that both have and that shares most judged queries."""

    def n_same(name: str) -> int:
        judged = theirs[name].queries.qrels
        return sum(judged.get(query) == grades for query, grades in mine[name].queries.qrels.items())

    names = [name for name in mine if name in theirs and n_same(name)]
    if not names:
        raise DataError(
            f"{second.name}: expected an evaluation on queries of {first.name}, found other queries",
            hint="evaluate both runs on the same queries with --queries",
        )
    name = max(names, key=n_same)
    return name, mine[name], theirs[name]


def differing_settings(first: Path, second: Path) -> list[Setting]:
    """Return the settings of all stages that differ."""
    mine, theirs = dict(_settings(first)), dict(_settings(second))
    names = dict.fromkeys([*mine, *theirs])
    return [
        Setting(name, mine.get(name, "–"), theirs.get(name, "–"))
        for name in names
        if mine.get(name, "–") != theirs.get(name, "–")
    ]


def _settings(run: Path) -> Iterator[tuple[str, str]]:
    for stage, name in ((DATASET, "generate"), (MODEL, "train"), (EVAL, "eval")):
        if (run / stage / MANIFEST).is_file():
            yield from _flat(name, read_manifest(run / stage, Record).identity.config)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, str(value)
