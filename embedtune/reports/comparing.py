"""What the page says of the systems: verdict in words, rows with drawn intervals, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedtune.reports.charts import colour_of, whiskers
from embedtune.reports.rendering import points, score

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
    system, reference = ("tuned", "base") if "tuned" in systems else ("hybrid_base", "base")
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
