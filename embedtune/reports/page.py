"""The report as a page, one file that needs no script and loads nothing, and as Markdown, for pull requests and wikis."""

from __future__ import annotations

from collections.abc import Mapping

from embedtune.evaluation.measures import shown_measures
from embedtune.project.evaluation_records import ForgettingRecord, ForgettingSet, QuerySetRecord
from embedtune.reports import sections
from embedtune.reports.charts import Chart, line_chart
from embedtune.reports.data import OverviewData, ReportData
from embedtune.reports.rendering import fill, stylesheet

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
