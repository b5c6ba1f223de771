"""The files of a report: ``report.json`` holds all of it, ``report.html`` and ``report.md`` show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.slices import group_queries
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord
from embedtune.project.layout import PAGE
from embedtune.project.manifest import write_json
from embedtune.project.records import Record
from embedtune.reports import data as figures
from embedtune.reports.data import Background, OverviewData, ReportData
from embedtune.reports.examples import Analyse, find_examples
from embedtune.reports.page import as_html, as_markdown, overview_as_html, overview_as_markdown
from embedtune.retrieval.ranks import first_relevant
from embedtune.systems import main_pairs
from embedtune.text.analyzer import Analyzer
from embedtune.types import Passage, QuerySet, Run

_SCORED = ("base", "tuned")


class Reporter:
    """Writes the reports of one evaluation."""

    def __init__(self, background: Background, passages: Sequence[Passage], *, seed: int) -> None:
        """Take what all query sets share; the seed is that of the resamples."""
        self._background = background
        self._passages = passages
        self._seed = seed
        self._analyse: Analyse = Analyzer.of([passage.full_text for passage in passages])

    def write(
        self,
        folder: Path,
        queries: QuerySet,
        runs: Mapping[str, Run],
        values: Mapping[str, PerQuery],
        results: QuerySetRecord,
    ) -> None:
        """Write the report of one query set, from the runs, scores and judgements of its results."""
        ranks = {
            system: [first_relevant(grades, run.get(name, {})) for name, grades in queries.qrels.items()]
            for system, run in runs.items()
        }
        clusters = group_queries(queries, self._passages).labels
        pairs = main_pairs(runs.keys())
        data = ReportData(
            **dict(self._background),
            metrics=results,
            intervals=figures.intervals(values, clusters, seed=self._seed),
            hit_rate=figures.hit_rate_by_k(ranks),
            scores=figures.score_histograms(queries.qrels, {name: runs[name] for name in _SCORED if name in runs}),
            examples=find_examples(pairs[0], queries, runs, values, self._passages, self._analyse) if pairs else None,
        )
        _write(folder, data, as_html(data), as_markdown(data))

    def write_overview(self, folder: Path, evaluation: EvaluationRecord, sets: Mapping[str, QuerySetRecord]) -> None:
        """Write the report over several query sets, which leads to those of each (folder below this one → results)."""
        data = OverviewData(**dict(self._background), measure=PRIMARY, metrics=evaluation)
        _write(folder, data, overview_as_html(data, sets), overview_as_markdown(data, sets))


def _write(folder: Path, data: Record, page: str, summary: str) -> None:
    write_json(folder / "report.json", data.as_json())
    (folder / PAGE).write_text(page, encoding="utf-8")
    (folder / "report.md").write_text(summary, encoding="utf-8")
