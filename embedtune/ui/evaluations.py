"""What ``eval`` wrote into a run folder, with its queries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from embedtune.dataset import Dataset, read_dataset
from embedtune.errors import DataError, EmbedtuneError
from embedtune.evaluation.comparisons import query_labels
from embedtune.evaluation.measures import MEASURES, PerQuery
from embedtune.evaluation.query_sets import find_query_sets, hash_query_sets
from embedtune.evaluation.slices import group_queries
from embedtune.formats.judgements import share_judgements
from embedtune.formats.lines import numbered_lines
from embedtune.formats.run_files import ranked, read_run
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.layout import DATASET, EVAL, MODEL, file_name, set_folder
from embedtune.project.manifest import Manifest, read_manifest, verify
from embedtune.project.records import Record
from embedtune.shown import text_of_cell
from embedtune.types import Passage, Query, QuerySet, Run

_AGAIN = "embedtune eval {run}"


class Evaluation:
    """One query set of an evaluation, judged as it was measured; ``values``: system → measure → query id → value.

    ``passages`` are those of the corpus that was searched.
    """

    def __init__(self, folder: Path, queries: QuerySet, passages: Sequence[Passage]) -> None:
        """Read the files of a query set; ``DataError`` if ``per_query.tsv`` is missing or is no such table."""
        self.queries = share_judgements(queries, passages)
        self.values = _read_values(folder / "per_query.tsv")
        self._folder = folder
        self.passages = passages
        self._runs: dict[str, Run] = {}

    @property
    def by_id(self) -> dict[str, Query]:
        """The queries by id."""
        return {query.query_id: query for query in self.queries.queries}

    @cached_property
    def labels(self) -> dict[str, dict[str, str]]:
        """Way to slice → query id → label, as ``metrics.json`` has them."""
        grouping = group_queries(self.queries, self.passages)
        found = query_labels(read_run(self._run_file("bm25")), self.queries, grouping)
        return {by: dict(zip(self.queries.qrels, labels, strict=True)) for by, labels in found.items()}

    def ranking(self, system: str, query_id: str) -> list[str]:
        """Return what a system found, best first: passage or document ids, as the set judges."""
        if system not in self._runs:
            self._runs[system] = read_run(self._run_file(system))
        return [name for name, _ in ranked(self._runs[system].get(query_id, {}))]

    def _run_file(self, system: str) -> Path:
        return self._folder / f"{file_name(system)}.run.trec"


def written(run: Path) -> str:
    """Return what changes whenever ``eval`` writes: its manifest's hash of itself; empty where there is none."""
    try:
        return read_manifest(run / EVAL, Record).manifest_hash
    except DataError:
        return ""


def read_evaluations(run: Path) -> dict[str, Evaluation]:
    """Read a run's evaluation: name of the query set → its part.

    Raises:
        DataError: If there is none, it judged another model, or its queries are not where they were.
        IntegrityError: If it was changed since it was written.
    """
    folder, again = run / EVAL, _AGAIN.format(run=run)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected an evaluation of this run, found none", hint=again)
    manifest = verify(folder, EvaluationRecord)
    dataset_outputs, model_outputs = (read_manifest(run / name, Record).outputs for name in (DATASET, MODEL))
    if (manifest.identity.dataset, manifest.identity.model) != (dataset_outputs, model_outputs):
        raise DataError(f"{folder}: expected an evaluation of this model, found that of an earlier one", hint=again)
    dataset = read_dataset(run / DATASET)
    found = _read_queries(folder, manifest, dataset)
    return {
        queries.name: Evaluation(
            folder if len(found) == 1 else folder / set_folder(queries.name), queries, dataset.passages
        )
        for queries in found
    }


def _read_queries(folder: Path, manifest: Manifest[EvaluationRecord], dataset: Dataset) -> list[QuerySet]:
    """Read the query sets of an evaluation from where it read them."""
    sources = manifest.circumstances.query_sets or []
    try:
        found = find_query_sets([source.path for source in sources if source.path], dataset)
    except EmbedtuneError:
        found = []
    if hash_query_sets(found) == getattr(manifest.identity, "queries", None):
        return found
    raise DataError(
        f"{folder}: expected the queries that it used, found them moved or changed: "
        + ", ".join(source.path or source.name for source in sources),
        hint="move them back, or evaluate again",
    )


def _read_values(path: Path) -> dict[str, PerQuery]:
    values: dict[str, PerQuery] = {}
    header = ["query-id", "system", *MEASURES]
    names: Sequence[str] = MEASURES
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        if number == 1 and cells[: len(header)] == header:
            names = cells[2:]  # further measures follow those of every evaluation
            continue
        try:
            query_id, system, *figures = [*map(text_of_cell, cells[:2]), *cells[2:]]
            for measure, figure in zip(names, figures, strict=True):
                values.setdefault(system, {}).setdefault(measure, {})[query_id] = float(figure)
        except ValueError as error:
            raise DataError.at(path, number, f"the columns {', '.join(header)}", repr(line[:120])) from error
    return values
