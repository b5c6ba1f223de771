"""The report as a page, one file that needs no script and loads nothing, and as Markdown, for pull requests and wikis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedtune.evaluation.measures import shown_measures
from embedtune.project.evaluation_records import ForgettingRecord, QuerySetRecord
from embedtune.reports.charts import Chart, line_chart
from embedtune.reports.data import OverviewData, ReportData
from embedtune.reports.rendering import fill, stylesheet
from embedtune.reports.sections import (
    decision,
    depth,
    differences,
    examples,
    histograms,
    origin,
    slice_groups,
    systems,
    tiles,
    training,
)

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
    """Return the page of one query set; all strings in the data may be hostile.

    Raises:
        jinja2.UndefinedError: If something is missing.
    """
    shared = _values(data)
    parts = {
        "histograms": histograms(data.scores),
        **{name: shared[name] for name in ("training", "slices", "examples")},
    }
    missing = {"scores": "histograms"}
    sections = [
        (name, title)
        for name, title in _SECTIONS.items()
        if (part := missing.get(name, name)) not in parts or parts[part]
    ]
    added = {
        "sections": sections,
        "tiles": tiles(data),
        "systems": systems(data, shown_measures(data.metrics.systems)),
        "depth": depth(data.hit_rate),
    }
    return _fill_page("page.html.jinja", shared | parts | added)


def as_markdown(data: ReportData) -> str:
    """Return the report of one query set as Markdown; it shows queries, and no passages."""
    return fill("summary.md.jinja", _values(data))


def overview_as_html(data: OverviewData, sets: Sequence[tuple[str, QuerySetRecord]]) -> str:
    """Return the page over several query sets, which links to those of each.

    Args:
        data: The evaluation as a whole.
        sets: Folder and results of each set.
    """
    return _fill_page("overview.html.jinja", _overview_values(data, sets))


def overview_as_markdown(data: OverviewData, sets: Sequence[tuple[str, QuerySetRecord]]) -> str:
    """Return the report over several query sets as Markdown; arguments as for ``overview_as_html``."""
    return fill("overview.md.jinja", _overview_values(data, sets))


def _values(data: ReportData) -> dict[str, object]:
    """Return what page and Markdown share."""
    found = data.metrics
    return {
        "data": data,
        "found": found,
        "measures": shown_measures(found.systems),
        "decision": decision(found.verdict.decision),
        "differences": differences(found.comparisons, data.intervals.measure),
        "slices": slice_groups(found.slices),
        "forgetting": forgetting(found.forgetting),
        "training": training(data.training),
        "examples": examples(data.examples),
        "origin": origin(data),
    }


class OverviewRow(NamedTuple):
    """A query set in an overview; ``systems`` have their mean of the primary measure."""

    name: str
    folder: str
    n_queries: int
    decision: Mapping[str, str]
    reason: str
    systems: Mapping[str, float]


def _overview_values(data: OverviewData, sets: Sequence[tuple[str, QuerySetRecord]]) -> dict[str, object]:
    rows = [
        OverviewRow(
            found.queries,
            folder,
            found.n_queries,
            decision(found.verdict.decision),
            found.verdict.reasons[0],
            {system: values[data.measure] for system, values in found.systems.items()},
        )
        for folder, found in sets
    ]
    return {
        "data": data,
        "rows": rows,
        "systems": list(rows[0].systems),
        "measure": data.measure,
        "forgetting": forgetting(data.metrics.forgetting),
    }


class ForgettingRow(NamedTuple):
    """What tuning cost on one set, with the curve over the strength if there is one."""

    severity: str
    sentence: str
    chart: Chart | None


def forgetting(found: ForgettingRecord | None) -> list[ForgettingRow]:
    """Return what tuning cost elsewhere, by set."""
    rows = []
    for name, each in found.sets.items() if found else ():
        curves = {
            measure: [(point["strength"], point[measure]) for point in each.curve]
            for measure in each.measures
            if each.curve
        }
        title = f"Scores on {name} by the strength of the update"
        chart = line_chart(curves, title=title, x_label="strength", y_label="score") if curves else None
        rows.append(ForgettingRow(each.severity, each.sentence, chart))
    return rows


def _fill_page(template: str, values: Mapping[str, object]) -> str:
    from markupsafe import Markup

    text, source = stylesheet()
    trusted = Markup(text)  # noqa: S704 (a file of this package, without values)
    return fill(template, {**values, "style": trusted, "style_source": source})
