"""The report as Markdown: for pull requests and wikis. It shows queries, and no passages."""

from __future__ import annotations

from collections.abc import Sequence

from embedtune.reports.page import Data, forgetting, overview_rows, shown_measures
from embedtune.reports.rendering import fill
from embedtune.reports.sections import decision, differences, examples, origin, slice_groups, training


def as_markdown(data: Data) -> str:
    """Return the report of one query set; ``data`` as for ``page.as_html``."""
    found = data["metrics"]
    values = {
        "data": data,
        "found": found,
        "measures": shown_measures(found),
        "decision": decision(found["verdict"]["decision"]),
        "differences": differences(found["comparisons"], data["intervals"]["measure"]),
        "slices": slice_groups(found["slices"]),
        "forgetting": forgetting(found),
        "training": training(data["training"]),
        "examples": examples(data["examples"]),
        "origin": origin(data),
    }
    return fill("summary.md.jinja", values)


def overview_as_markdown(data: Data, sets: Sequence[tuple[str, Data]]) -> str:
    """Return the report over several query sets; arguments as for ``page.overview_as_html``."""
    rows = overview_rows(sets, data["measure"])
    values = {
        "data": data,
        "rows": rows,
        "systems": list(rows[0]["systems"]),
        "forgetting": forgetting(data["metrics"]),
    }
    return fill("overview.md.jinja", values)
