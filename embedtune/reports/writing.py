"""The files of a report: ``report.json`` holds all of it, ``report.html`` and ``report.md`` show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from embedtune.evaluation.decision import decide_by
from embedtune.evaluation.measures import PerQuery, shown_measures
from embedtune.evaluation.slices import group_queries
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import EvaluationRecord, ForgettingRecord, ForgettingSet, QuerySetRecord
from embedtune.project.layout import PAGE
from embedtune.project.manifest import write_json
from embedtune.project.records import Record
from embedtune.reports import data as figures
from embedtune.reports import sections
from embedtune.reports.charts import Chart, line_chart
from embedtune.reports.data import Background, OverviewData, ReportData
from embedtune.reports.examples import find_examples
from embedtune.reports.rendering import fill, stylesheet
from embedtune.retrieval.ranks import first_ranks
from embedtune.systems import main_pairs
from embedtune.text.analyzer import Analyzer
from embedtune.text.marking import Analyse
from embedtune.types import Passage, QuerySet, Run

_SECTIONS = {
    "verdict": "Verdict",
    "systems": "Systems",
    "differences": "Differences",
    "depth": "Hit rate over k",
    "scores": "Scores",
    "training": "Training",
    "slices": "Slices",
    "audits": "Audits",
    "examples": "Wins and losses",
    "origin": "Settings, time, cost",
}


def as_html(data: ReportData) -> str:
    """Return the page of one query set; all strings in the data may be hostile."""
    values = _values(data) | {"scores": sections.histograms(data.scores)}
    added = {
        "sections": [(name, title) for name, title in _SECTIONS.items() if values.get(name, True)],
        "tiles": sections.tiles(data),
        "systems": sections.systems(data, shown_measures(data.metrics.systems)),
        "depth": sections.depth(data.hit_rate),
    }
    return _fill_page("page.html.jinja", values | added)


def as_markdown(data: ReportData) -> str:
    """Return the report of one query set as Markdown; it shows queries, and no passages."""
    return fill("summary.md.jinja", _values(data))


def overview_as_html(data: OverviewData, sets: Mapping[str, QuerySetRecord]) -> str:
    """Return the page over several query sets (folder → results), which links to those of each."""
    return _fill_page("overview.html.jinja", _overview_values(data, sets))


def overview_as_markdown(data: OverviewData, sets: Mapping[str, QuerySetRecord]) -> str:
    """Return the report over several query sets (folder → results) as Markdown."""
    return fill("overview.md.jinja", _overview_values(data, sets))


def _values(data: ReportData) -> dict[str, object]:
    """Return what page and Markdown share."""
    found = data.metrics
    return {
        "data": data,
        "found": found,
        "measures": shown_measures(found.systems),
        "decision": sections.decision(found.verdict.decision),
        "differences": sections.differences(found.comparisons, data.intervals.measure),
        "slices": sections.slice_groups(found.slices),
        "forgetting": forgetting(found.forgetting),
        "training": sections.training(data.training),
        "examples": sections.examples(data.examples),
        "origin": sections.origin(data),
    }


def _overview_values(data: OverviewData, sets: Mapping[str, QuerySetRecord]) -> dict[str, object]:
    rows = [(folder, found, sections.decision(found.verdict.decision)) for folder, found in sets.items()]
    return {"data": data, "rows": rows, "forgetting": forgetting(data.metrics.forgetting)}


def forgetting(found: ForgettingRecord | None) -> list[tuple[ForgettingSet, Chart | None]]:
    """Return what tuning cost elsewhere, by set, with the curve over the strength if there is one."""
    rows = []
    for name, each in found.sets.items() if found else ():
        curves = {measure: [(at["strength"], at[measure]) for at in each.curve] for measure in each.measures}
        title = f"Scores on {name} by the strength of the update"
        chart = line_chart(curves, title=title, x_label="strength", y_label="score") if each.curve else None
        rows.append((each, chart))
    return rows


def _fill_page(template: str, values: Mapping[str, object]) -> str:
    from markupsafe import Markup

    text, source = stylesheet()
    trusted = Markup(text)  # noqa: S704 (a file of this package, without values)
    return fill(template, {**values, "style": trusted, "style_source": source})


_SCORED = ("base", "tuned")


class Reporter:
    """Writes the reports of one evaluation."""

    def __init__(self, background: Background, passages: Sequence[Passage], *, seed: int, alone: bool = True) -> None:
        """Take what all query sets share; the seed is that of the resamples. One that is not ``alone`` does not decide."""
        self._alone = alone
        self._background = background
        self._passages = passages
        self._seed = seed
        self._analyse: Analyse = Analyzer.of([passage.full_text for passage in passages]).query

    def write(
        self,
        folder: Path,
        queries: QuerySet,
        runs: Mapping[str, Run],
        values: Mapping[str, PerQuery],
        results: QuerySetRecord,
    ) -> None:
        """Write the report of one query set, from the runs, scores and judgements of its results."""
        ranks = {system: first_ranks(queries.qrels, run) for system, run in runs.items()}
        clusters = group_queries(queries, self._passages).labels
        pairs = main_pairs(runs.keys())
        data = ReportData(
            **dict(self._background),
            metrics=results,
            use=decide_by([results], results.shipped).system if self._alone else "",
            intervals=figures.intervals(values, clusters, seed=self._seed),
            hit_rate=figures.hit_rate_by_k(ranks),
            scores=figures.score_histograms(queries.qrels, {name: runs[name] for name in _SCORED if name in runs}),
            examples=find_examples(pairs[0], queries, runs, values, self._passages, self._analyse) if pairs else None,
        )
        _write(folder, data, as_html(data), as_markdown(data))

    def write_overview(self, folder: Path, evaluation: EvaluationRecord, sets: Mapping[str, QuerySetRecord]) -> None:
        """Write the report over several query sets, which leads to those of each (folder below this one → results)."""
        use = decide_by(evaluation.sets.values(), evaluation.shipped)
        data = OverviewData(
            **dict(self._background), measure=PRIMARY, metrics=evaluation, use=f"{use.system}, by {use.queries}"
        )
        _write(folder, data, overview_as_html(data, sets), overview_as_markdown(data, sets))


def _write(folder: Path, data: Record, page: str, summary: str) -> None:
    write_json(folder / "report.json", data.as_json())
    (folder / PAGE).write_text(page, encoding="utf-8")
    (folder / "report.md").write_text(summary, encoding="utf-8")
