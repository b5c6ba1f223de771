"""The page: one file that needs no script and asks for nothing outside itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedtune.evaluation.measures import MEASURES as ALWAYS_MEASURED
from embedtune.reports.charts import line_chart
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

Data = Mapping[str, Any]
"""What ``report.json`` holds; ``docs/report.md`` says what each name means."""

MEASURES = ("hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@100")

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


def as_html(data: Data) -> str:
    """Return the page of one query set.

    Args:
        data: The content of ``report.json``. All its strings may be hostile.

    Raises:
        jinja2.UndefinedError: If something is missing.
    """
    found = data["metrics"]
    parts = {
        "histograms": histograms(data["scores"]),
        "training": training(data["training"]),
        "slices": slice_groups(found["slices"]),
        "examples": examples(data["examples"]),
    }
    missing = {"scores": "histograms"}
    shown = [
        (name, title)
        for name, title in _SECTIONS.items()
        if (part := missing.get(name, name)) not in parts or parts[part]
    ]
    return _fill(
        "page.html.jinja",
        data,
        measures=(names := shown_measures(found)),
        sections=shown,
        decision=decision(found["verdict"]["decision"]),
        tiles=tiles(data),
        systems=systems(data, names),
        differences=differences(found["comparisons"], data["intervals"]["measure"]),
        depth=depth(data["hit_rate"]),
        forgetting=forgetting(found),
        origin=origin(data),
        **parts,
    )


def shown_measures(found: Data) -> list[str]:
    """Return the measures of a table of systems: the usual ones, then those that were asked for."""
    return [*MEASURES, *(name for name in next(iter(found["systems"].values())) if name not in ALWAYS_MEASURED)]


def overview_as_html(data: Data, sets: Sequence[tuple[str, Data]]) -> str:
    """Return the page over several query sets, which leads to those of each.

    Args:
        data: ``title``, ``dataset``, ``base_model``, ``versions``, ``measure``, and ``metrics`` of the evaluation as a whole.
        sets: Folder and metrics of each set.
    """
    rows = overview_rows(sets, data["measure"])
    return _fill(
        "overview.html.jinja",
        data,
        rows=rows,
        systems=list(rows[0]["systems"]),
        measure=data["measure"],
        forgetting=forgetting(data["metrics"]),
    )


def overview_rows(sets: Sequence[tuple[str, Data]], measure: str) -> list[dict[str, Any]]:
    """Return what an overview says of each query set."""
    return [
        {
            "name": found["queries"],
            "folder": folder,
            "n_queries": found["n_queries"],
            "decision": decision(found["verdict"]["decision"]),
            "reason": found["verdict"]["reasons"][0],
            "systems": {system: values[measure] for system, values in found["systems"].items()},
        }
        for folder, found in sets
    ]


def forgetting(found: Data) -> list[dict[str, Any]]:
    """Return what tuning cost elsewhere, by set, with the curve over the strength where there is one."""
    rows = []
    for name, each in found.get("forgetting", {}).get("sets", {}).items():
        curves = {
            measure: [(point["strength"], point[measure]) for point in each["curve"]]
            for measure in each["measures"]
            if each["curve"]
        }
        title = f"Scores on {name} by the strength of the update"
        chart = line_chart(curves, title=title, x_label="strength", y_label="score") if curves else None
        rows.append({"severity": each["severity"], "sentence": each["sentence"], "chart": chart})
    return rows


def _fill(template: str, data: Data, **values: Any) -> str:
    from markupsafe import Markup

    text, source = stylesheet()
    trusted = Markup(text)  # noqa: S704 (a file of this package, without values)
    return fill(template, {"data": data, "style": trusted, "style_source": source, **values})
