"""The sections of a report: its data as charts, rows and sentences, for the templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from embedtune.project.evaluation_records import Comparison, Slice
from embedtune.project.records import DatasetRecord, DevRecord
from embedtune.reports.charts import Chart, Histogram, Points, Whisker, colour_of, histogram, line_chart, whiskers
from embedtune.reports.data import (
    Background,
    Examples,
    HitRates,
    ReportData,
    ScoreHistograms,
    TrainingData,
)
from embedtune.reports.rendering import interval, points, score, share
from embedtune.systems import System, in_order, main_pairs

_SHOWN = (1, 3, 5, 10, 20, 50, 100)
_MOST_ADDED = 3  # further models that are drawn; more lines than eight nobody can tell apart


def depth(hit_rate: HitRates) -> dict[str, object]:
    """Return the curve of the hit rate over k for the main systems and the first added ones, and the k of its table."""
    known = hit_rate.systems
    added = [name for name in known if System.parse(name).is_added]
    names = [name for name in in_order(known) if System.parse(name).colour is not None] + added[:_MOST_ADDED]
    series = {name: list(zip(hit_rate.k, known[name], strict=True)) for name in names}
    chart = line_chart(series, title="Hit rate over k", x_label="k", y_label="hit rate", logarithmic=True)
    return {"chart": chart, "shown": [k for k in _SHOWN if k <= len(hit_rate.k)]}


def histograms(scores: ScoreHistograms) -> dict[str, Histogram]:
    """Return the histograms of each system's scores, all on one scale."""
    counts = scores.systems.items()
    most = max((count for _, counted in counts for count in (*counted.right, *counted.wrong)), default=0)
    return {
        name: histogram(scores.edges, counted.right, counted.wrong, most=most, title=f"Scores of {name}")
        for name, counted in counts
    }


def examples(found: Examples | None) -> dict[str, object] | None:
    """Return the queries that changed most, losses first; None where no two models were compared or nothing changed."""
    if not found or not (found.losses or found.wins):
        return None
    sentence = (
        f"By {found.measure}, {found.a} is better than {found.b} on {found.n_better:,} queries, worse on "
        f"{found.n_worse:,}, the same on {found.n_same:,}."
    )
    groups = [("Biggest losses", found.losses), ("Biggest wins", found.wins)]
    return {"sentence": sentence, "groups": [(title, rows) for title, rows in groups if rows]}


_AROUND = 9  # steps: single losses jump, as every batch is another
_TUNED = colour_of("tuned")


def training(found: TrainingData) -> dict[str, object] | None:
    """Return a sentence and the curves of a training; None where nothing is known of it."""
    dev = found.dev
    if not dev:
        return None
    shipped = f"the tuned model was shipped, at strength {found.strength:g}"
    if not found.is_tuned:
        shipped = f"the base was shipped: {found.reason}" if found.reason else "the base was shipped"
    sentence = (
        f"Method {found.method}, frozen weights {found.quantize}. On {dev.n_queries:,} dev queries, which are not "
        f"those of this report, the {dev.measure} changed by {points(dev.gain)} ± {100 * dev.standard_error:.1f} "
        f"points (± one standard error); {shipped}."
    )
    return {"sentence": sentence, "charts": [*_losses(found), *_dev_curves(dev)]}


def _losses(found: TrainingData) -> list[Chart]:
    if not found.losses:
        return []
    title = "Training loss by step"
    if found.n_losses > len(found.losses):
        title += f", means of {found.n_losses:,} steps"
    series: dict[str, Points] = {"loss": found.losses}
    if len(found.losses) >= 2 * _AROUND:
        series[f"mean of {_AROUND} around it"] = _smoothed(found.losses)
    colours = {"loss": 0} if len(series) > 1 else {"loss": _TUNED}
    return [
        line_chart(series, title=title, x_label="step", y_label="loss", colours=dict.fromkeys(series, _TUNED) | colours)
    ]


def _smoothed(losses: Points) -> Points:
    """Return the mean of each point and its neighbours, of fewer where there are fewer."""
    half = _AROUND // 2
    stretches = [losses[max(0, at - half) : at + half + 1] for at in range(len(losses))]
    return [(losses[at][0], sum(y for _, y in near) / len(near)) for at, near in enumerate(stretches)]


def _dev_curves(dev: DevRecord) -> list[Chart]:
    curves = [("Dev by step, at full strength", "step", dev.by_step), ("Dev by strength", "strength", dev.by_strength)]
    return [
        line_chart(
            {dev.measure: [(float(x), y) for x, y in curve.items()]},
            title=f"{title} ({dev.measure})",
            x_label=x_label,
            y_label=dev.measure,
            level=("base", dev.base),
            colours={dev.measure: _TUNED},
        )
        for title, x_label, curve in curves
        if curve
    ]


_WORDS = {
    "ship": "Ship the tuned model",
    "ship_query_side": "Ship the tuned query side",
    "use_fusion": "Use fusion with BM25",
    "do_not_ship": "Keep the base model",
    "inconclusive": "Inconclusive",
}
_WAYS = {
    "kind": "kind",
    "lexical_overlap": "BM25 rank of the answer",
    "length": "terms",
    "document": "document that answers",
    "updated": "documents since the update",
}
_HIT_RATE = "hit_rate@5"


def decision(name: str) -> dict[str, str]:
    """Return a decision in words, and the class that colours it."""
    return {"words": _WORDS.get(name, name), "css": name if name in _WORDS else "inconclusive"}


def tiles(data: ReportData) -> list[dict[str, str]]:
    """Return the figures next to the verdict."""
    results, measure = data.metrics, data.intervals.measure
    systems = results.systems
    system, reference = main_pairs(systems)[0]
    gains = [results.comparison(system, reference, name) for name in (measure, _HIT_RATE)]
    shown = [
        {
            "name": f"{gain.measure}, {reference} → {system}",
            "value": f"{score(systems[reference][gain.measure])} → {score(systems[system][gain.measure])}",
            "note": f"{points(gain.difference)} points ({interval(gain)})",
        }
        for gain in gains
        if gain
    ]
    best = max(systems, key=lambda name: systems[name][measure])
    shown.append({"name": f"Best by {measure}", "value": score(systems[best][measure]), "note": best})
    evidence = f"from {results.n_clusters:,} {results.clustered_by}s"
    return [*shown, {"name": "Evidence", "value": f"{results.n_queries:,} queries", "note": evidence}]


def systems(data: ReportData, measures: Sequence[str]) -> dict[str, object]:
    """Return a row for each system, the best of each column marked, with its interval drawn."""
    values, measure, ends = data.metrics.systems, data.intervals.measure, data.intervals.systems
    drawn, axis = whiskers([(ends[name], row[measure]) for name, row in values.items()], zero=False)
    best = {name: max(row[name] for row in values.values()) for name in measures}
    rows = []
    for number, ((name, row), whisker) in enumerate(zip(values.items(), drawn, strict=True)):
        interval_of = (known := ends[name]) and f"{score(known[0])} to {score(known[1])}"
        rows.append(
            {
                "name": name,
                "cells": [{"value": row[key], "best": row[key] == best[key]} for key in measures],
                "drawn": whisker,
                "colour": colour_of(name, number),
                "spoken": f"{score(row[measure])}, {_evidence(interval_of)}",
            }
        )
    return {"rows": rows, "axis": axis}


class Row(NamedTuple):
    """A difference with its interval drawn."""

    found: Comparison | Slice
    drawn: Whisker
    colour: int
    spoken: str


class Group(NamedTuple):
    """Differences on one scale, with the ends of that scale."""

    title: str
    rows: list[Row]
    axis: tuple[str, str]

    @property
    def by(self) -> dict[str, list[Row]]:
        """The rows of slices by what they are sliced by."""
        parted: dict[str, list[Row]] = {}
        for row in self.rows:
            by = getattr(row.found, "by", "")
            parted.setdefault(_WAYS.get(by, by), []).append(row)
        return parted


def differences(comparisons: Sequence[Comparison], measure: str) -> list[Group]:
    """Return the comparisons on one measure, those with BM25 apart: they are so large that nothing else could be seen."""
    mine = [row for row in comparisons if row.measure == measure]
    parted = {
        "Between models and fusions": [row for row in mine if row.reference != "bm25"],
        "Over BM25 alone": [row for row in mine if row.reference == "bm25"],
    }
    return [_group(title, rows) for title, rows in parted.items() if rows]


def slice_groups(rows: Sequence[Slice]) -> list[Group]:
    """Return for each pair its slices, on one scale."""
    pairs: dict[str, list[Slice]] = {}
    for row in rows:
        pairs.setdefault(f"{row.system} − {row.reference}", []).append(row)
    return [_group(title, mine) for title, mine in pairs.items()]


def _group(title: str, rows: Sequence[Comparison | Slice]) -> Group:
    drawn, axis = whiskers([(row.ci95, row.difference) for row in rows], factor=100, zero=True)
    spoken_forms = [f"{points(row.difference)} points, {_evidence(row.ci95 and interval(row))}" for row in rows]
    colours = [colour_of(row.system, number) for number, row in enumerate(rows)]
    return Group(title, [Row(*parts) for parts in zip(rows, drawn, colours, spoken_forms, strict=True)], axis)


def _evidence(ends: str | None) -> str:
    return f"95 % interval {ends}" if ends else "too few queries for an interval"


def origin(data: Background) -> dict[str, object]:
    """Return the stages with time and machine, a sentence on the dataset, and all settings as rows."""
    stages = []
    for stage, made in data.made.items():
        machine = (made.system, made.cpus and f"{made.cpus} cores", made.python and f"Python {made.python}")
        stages.append(
            {
                "stage": stage,
                "started": made.started or "–",
                "seconds": "–" if made.duration_s is None else f"{made.duration_s:,}",
                "seed": data.settings[stage].get("seed", "–"),
                "machine": ", ".join(part for part in machine if part),
            }
        )
    settings = [(f"Settings of {stage}", list(_rows(values))) for stage, values in data.settings.items()]
    versions = ("Versions", list(_rows(data.versions)))
    return {"stages": stages, "dataset": _dataset(data.dataset), "settings": [*settings, versions]}


def _dataset(dataset: DatasetRecord) -> str:
    """Describe the dataset in a sentence."""
    queries = "; ".join(
        f"{split} {sum(kinds.values()):,} ({', '.join(f'{count:,} {kind}' for kind, count in kinds.items()) or 'none'})"
        for split, kinds in dataset.queries.items()
    )
    window = dataset.window
    return (
        f"{dataset.documents:,} documents were read and {dataset.skipped:,} skipped. Queries by split: {queries}. "
        f"The splits are parted by {dataset.split_by}. A window holds {window.tokens:,} tokens; passages cut off at the "
        f"model's own {window.model_tokens:,} would lose {share(window.share_lost_by_truncation)} of all."
    )


def _rows(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each setting, those of a group under its name."""
    for name, value in values.items():
        words = prefix + name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from _rows(value, f"{words} › ")
        else:
            yield words, _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else str(value)
