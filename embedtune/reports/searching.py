"""What the page says of the runs: how deep the answers lie, how scores part right from wrong, which queries changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedtune.reports.charts import Histogram, histogram, line_chart

_SHOWN = (1, 3, 5, 10, 20, 50, 100)
_DRAWN = ("bm25", "base", "tuned", "hybrid_base", "hybrid_tuned")
_VARIANTS = ("base_quantized", "base_pca", "rrf_base", "rrf_tuned", "rerank_base", "rerank_tuned")
_MOST_ADDED = 3  # further models that are drawn; more lines than eight nobody can tell apart


def depth(hit_rate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the curve of the hit rate over k for the main systems and the first added ones, and the k of its table."""
    known = hit_rate["systems"]
    added = [name for name in known if name not in (*_DRAWN, *_VARIANTS)]
    names = [name for name in _DRAWN if name in known] + added[:_MOST_ADDED]
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
