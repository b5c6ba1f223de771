"""Records with every field, of which a test changes those that it is about."""

from __future__ import annotations

from embedtune.evaluation.significance import is_better, is_worse
from embedtune.project.evaluation_records import Comparison, QuerySetRecord, Verdict


def comparison(system: str = "tuned", reference: str = "base", **changes: object) -> Comparison:
    """Return a comparison that is better or worse by its p and interval."""
    values = {
        "measure": "ndcg@10", "n_queries": 300, "n_clusters": 60, "reference_mean": 0.5, "difference": 0.05,
        "ci95": (0.01, 0.09), "error": 0.02, "n_changed": 30, "p": 0.01, "p_mcnemar": None, "detectable": 0.06,
    } | changes  # fmt: skip
    low, high = values["ci95"] or (-1.0, 1.0)
    derived = {
        "mean": values["reference_mean"] + values["difference"],
        "p_holm": values["p"],
        "better": is_better(values["p"], low),
        "worse": is_worse(values["p"], high),
    }
    return Comparison(system=system, reference=reference, **{**derived, **values})


def results(decision: str = "ship", *comparisons: Comparison, **changes: object) -> QuerySetRecord:
    """Return the results on one query set."""
    values = {
        "queries": "own", "n_queries": 300, "judged_unit": "passage", "systems": {}, "shipped": "tuned",
        "clustered_by": "document", "n_clusters": 60, "comparisons": list(comparisons), "slices": [],
        "verdict": Verdict(decision=decision, reasons=["because"]),
    } | changes  # fmt: skip
    return QuerySetRecord(**values)
