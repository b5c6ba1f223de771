"""What the page says of where its figures come from: settings, versions, seeds, time, machine.

What the page says of the runs: how deep the answers lie, how scores part right from wrong, which queries changed.

What the page says of the training: loss by step, dev by step and by strength.

What the page says of the systems: verdict in words, rows with drawn intervals, slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from embedtune.reports.charts import Chart, Histogram, Points, colour_of, histogram, line_chart, whiskers
from embedtune.reports.rendering import points, score, share, spoken
from embedtune.systems import System, in_order, main_pairs

_SHOWN = (1, 3, 5, 10, 20, 50, 100)
_MOST_ADDED = 3  # further models that are drawn; more lines than eight nobody can tell apart


def depth(hit_rate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the curve of the hit rate over k for the main systems and the first added ones, and the k of its table."""
    known = hit_rate["systems"]
    added = [name for name in known if System.parse(name).is_added]
    names = [name for name in in_order(known) if System.parse(name).colour is not None] + added[:_MOST_ADDED]
    series = {name: list(zip(hit_rate["k"], known[name], strict=True)) for name in names}
    chart = line_chart(series, title="Hit rate over k", x_label="k", y_label="hit rate", logarithmic=True)
    return {"chart": chart, "shown": [k for k in _SHOWN if k <= len(hit_rate["k"])]}


def histograms(scores: Mapping[str, Any]) -> dict[str, Histogram]:
    """Return the histograms of each system's scores, all on one scale."""
    found = scores["systems"]
    most = max((count for each in found.values() for side in ("right", "wrong") for count in each[side]), default=0)
    return {
        name: histogram(scores["edges"], each["right"], each["wrong"], most=most, title=f"Scores of {name}")
        for name, each in found.items()
    }


def examples(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the queries that changed most, losses first; None where no two models were compared or nothing changed."""
    if not found or not (found["losses"] or found["wins"]):
        return None
    a, b = found["a"], found["b"]
    sentence = (
        f"By {found['measure']}, {a} is better than {b} on {found['n_better']:,} queries, worse on {found['n_worse']:,}, "
        f"the same on {found['n_same']:,}."
    )
    groups = [("Biggest losses", found["losses"]), ("Biggest wins", found["wins"])]
    return {"sentence": sentence, "groups": [(title, rows) for title, rows in groups if rows]}


_AROUND = 9  # steps: single losses jump, as every batch is another
_TUNED = colour_of("tuned")


def training(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a sentence and the curves of a training; None where nothing is known of it."""
    dev = found.get("dev")
    if not dev:
        return None
    shipped = "the tuned model was shipped" if found["shipped"] == "tuned" else "the base was shipped"
    sentence = (
        f"Method {found['method']}, frozen weights {found['quantize']}. On {dev['n_queries']:,} dev queries, which are not "
        f"those of this report, the {dev['measure']} changed by {points(dev['gain'])} ± {100 * dev['standard_error']:.1f} "
        f"points (± one standard error); {shipped}, at strength {found['strength']:g}."
    )
    return {"sentence": sentence, "charts": [*_losses(found), *_dev_curves(dev)]}


def _losses(found: Mapping[str, Any]) -> list[Chart]:
    if not found["losses"]:
        return []
    title = "Training loss by step"
    if found["n_losses"] > len(found["losses"]):
        title += f", means of {found['n_losses']:,} steps"
    series = {"loss": found["losses"]}
    if len(found["losses"]) >= 2 * _AROUND:
        series[f"mean of {_AROUND} around it"] = _smoothed(found["losses"])
    colours = {"loss": 0} if len(series) > 1 else {"loss": _TUNED}
    return [
        line_chart(series, title=title, x_label="step", y_label="loss", colours=dict.fromkeys(series, _TUNED) | colours)
    ]


def _smoothed(losses: Points) -> Points:
    """Return the mean of each point and its neighbours, of fewer where there are fewer."""
    half = _AROUND // 2
    stretches = [losses[max(0, at - half) : at + half + 1] for at in range(len(losses))]
    return [(losses[at][0], sum(y for _, y in near) / len(near)) for at, near in enumerate(stretches)]


def _dev_curves(dev: Mapping[str, Any]) -> list[Chart]:
    titles = {"by_step": ("Dev by step, at full strength", "step"), "by_strength": ("Dev by strength", "strength")}
    level = ("base", dev["base"])
    return [
        line_chart(
            {dev["measure"]: [(float(x), y) for x, y in dev[key].items()]},
            title=f"{title} ({dev['measure']})",
            x_label=x_label,
            y_label=dev["measure"],
            level=level,
            colours={dev["measure"]: _TUNED},
        )
        for key, (title, x_label) in titles.items()
        if dev.get(key)
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
}
_HIT_RATE = "hit_rate@5"


def decision(name: str) -> dict[str, str]:
    """Return a decision in words, and the class that colours it."""
    return {"words": _WORDS.get(name, name), "css": name if name in _WORDS else "inconclusive"}


def tiles(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the figures that stand beside the verdict."""
    found, measure = data["metrics"], data["intervals"]["measure"]
    systems = found["systems"]
    system, reference = main_pairs(systems)[0]
    rows = {row["measure"]: row for row in found["comparisons"] if (row["a"], row["b"]) == (system, reference)}
    ends = {name: tuple(map(points, row["ci95"])) for name, row in rows.items()}
    shown = [
        {
            "name": f"{name}, {reference} → {system}",
            "value": f"{score(systems[reference][name])} → {score(systems[system][name])}",
            "note": f"{points(rows[name]['delta'])} points ({ends[name][0]} to {ends[name][1]})",
        }
        for name in (measure, _HIT_RATE)
        if name in rows
    ]
    best = max(systems, key=lambda name: systems[name][measure])
    shown.append({"name": f"Best by {measure}", "value": score(systems[best][measure]), "note": best})
    evidence = f"from {found['n_clusters']:,} {found['clustered_by']}s"
    return [*shown, {"name": "Evidence", "value": f"{found['n_queries']:,} queries", "note": evidence}]


def systems(data: Mapping[str, Any], measures: Sequence[str]) -> dict[str, Any]:
    """Return a row for each system, the best of each column marked, with its interval drawn."""
    values, measure, ends = data["metrics"]["systems"], data["intervals"]["measure"], data["intervals"]["systems"]
    drawn, axis = whiskers([(ends[name][0], values[name][measure], ends[name][1]) for name in values], zero=False)
    best = {name: max(row[name] for row in values.values()) for name in measures}
    rows = [
        {
            "name": name,
            "cells": [{"value": row[key], "best": row[key] == best[key]} for key in measures],
            "drawn": each,
            "colour": colour_of(name, number),
            "spoken": f"{score(row[measure])}, 95 % interval {score(ends[name][0])} to {score(ends[name][1])}",
        }
        for number, ((name, row), each) in enumerate(zip(values.items(), drawn, strict=True))
    ]
    return {"rows": rows, "axis": axis}


def differences(comparisons: Sequence[Mapping[str, Any]], measure: str) -> list[dict[str, Any]]:
    """Return the comparisons on one measure, those with BM25 apart: they are so large that nothing else could be seen."""
    mine = [row for row in comparisons if row["measure"] == measure]
    parted = {
        "Between models and fusions": [row for row in mine if row["b"] != "bm25"],
        "Over BM25 alone": [row for row in mine if row["b"] == "bm25"],
    }
    return [{"title": title, **_drawn(rows)} for title, rows in parted.items() if rows]


def _drawn(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    drawn, axis = whiskers([_in_points(row) for row in rows], zero=True)
    shown = [
        {**row, "drawn": each, "colour": colour_of(row["a"], number), "spoken": _spoken(row)}
        for number, (row, each) in enumerate(zip(rows, drawn, strict=True))
    ]
    return {"rows": shown, "axis": axis}


def slice_groups(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each pair its slices by each label, on one scale."""
    groups = []
    for a, b in dict.fromkeys((row["a"], row["b"]) for row in rows):
        found = _drawn([row for row in rows if (row["a"], row["b"]) == (a, b)])
        by = {
            _WAYS.get(label, label): [row for row in found["rows"] if row["by"] == label]
            for label in dict.fromkeys(row["by"] for row in found["rows"])
        }
        groups.append({"a": a, "b": b, "pair": f"{a} − {b}", "axis": found["axis"], "by": by})
    return groups


def _in_points(row: Mapping[str, Any]) -> tuple[float | None, float, float | None]:
    low, high = row["ci95"] or (None, None)
    return (None if low is None else 100 * low, 100 * row["delta"], None if high is None else 100 * high)


def _spoken(row: Mapping[str, Any]) -> str:
    if not row["ci95"]:
        return f"{points(row['delta'])} points, too few queries for an interval"
    low, high = row["ci95"]
    return f"{points(row['delta'])} points, 95 % interval {points(low)} to {points(high)}"


def origin(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stages with time and machine, a sentence on the dataset, and all settings as rows."""
    stages = [
        {
            "stage": stage,
            "started": made.get("started", "–"),
            "seconds": f"{made['duration_s']:,}" if "duration_s" in made else "–",
            "seed": data["settings"][stage].get("seed", "–"),
            "machine": ", ".join(
                str(part) for part in (made.get("system"), _cores(made), _python(made)) if part is not None
            ),
        }
        for stage, made in data["made"].items()
    ]
    settings = [(f"Settings of {stage}", list(_rows(values))) for stage, values in data["settings"].items()]
    versions = ("Versions", list(_rows(data["versions"])))
    return {"stages": stages, "dataset": _dataset(data["dataset"]), "settings": [*settings, versions]}


def _cores(made: Mapping[str, Any]) -> str | None:
    return f"{made['cpus']} cores" if made.get("cpus") else None


def _python(made: Mapping[str, Any]) -> str | None:
    return f"Python {made['python']}" if made.get("python") else None


def _dataset(found: Mapping[str, Any]) -> str:
    """Say what the dataset holds."""
    queries = "; ".join(
        f"{split} {sum(kinds.values()):,} ({', '.join(f'{count:,} {kind}' for kind, count in kinds.items()) or 'none'})"
        for split, kinds in found["queries"].items()
    )
    window = found.get("window")
    cut_off = (
        f" A window holds {window['tokens']:,} tokens; passages cut off at the model's own {window['model_tokens']:,} would "
        f"lose {share(window['share_lost_by_truncation'])} of all."
        if window
        else ""
    )
    return (
        f"{found['documents']:,} documents were read and {found['skipped']:,} skipped. Queries by split: {queries}. "
        f"The splits are parted by {found['split_by']}.{cut_off}"
    )


def _rows(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each setting, those of a group under its name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{spoken(name)} › ")
        else:
            yield f"{prefix}{spoken(name)}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else str(value)
