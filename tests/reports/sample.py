"""A report's data with everything in it; what comes from outside goes through ``say``."""

from collections.abc import Callable
from itertools import cycle

from embedtune.reports.data import OverviewData, ReportData

MEASURES = ("hit_rate@1", "hit_rate@3", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@100")
SYSTEMS = ("bm25", "base", "base_quantized", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned")


def report_data(say: Callable[[str], str] = str, n_examples: int = 2) -> dict:
    """Return data; ``say`` gets every name, id and text that a user or a server could have written."""
    systems = [*SYSTEMS, say("other model")]
    return {
        "schema_version": 1,
        "title": say("handbook"),
        "base_model": say("sentence-transformers/all-MiniLM-L6-v2"),
        "dataset": {
            "documents": 40, "skipped": 1, "passages": 1200, "split_by": "document",
            "queries": {"train": {"span": 900}, "dev": {say("keyphrase"): 90}, "test": {}},
            "window": {"tokens": 128, "model_tokens": 254, "share_lost_by_truncation": 0.25, "share_lost": 0.0},
        },
        "training": {
            "shipped": "tuned", "method": say("lora"), "quantize": "nf4", "strength": 0.5, "queries_only": False,
            "dev": {"measure": "mean reciprocal rank", "n_queries": 90, "base": 0.4, "gain": 0.03, "standard_error": 0.01,
                    "by_step": {"10": 0.41, "20": 0.43}, "best_step": 20, "by_strength": {"0.5": 0.43, "1": 0.42}},
            "candidates": [{"method": say(name), "gain": 0.02, "standard_error": 0.01, "reason": say("better than the base")}
                         for name in ("linear", "lora")],
            "losses": [(step, 1 / step) for step in range(1, 41)], "n_losses": 40,
        },
        "llm": {"model": say("gpt-4o-mini"), "calls": 1234, "answered": 1230, "prompt_tokens": 99000,
                "completion_tokens": 8000, "cost": 0.042},
        "settings": {
            "generate": {"model": say("a/b"), "query_prompt": say("query: "), "seed": 3, "split": {"train": 0.8}},
            "train": {"method": "lora", "seed": 4, "strengths": [0.5, 1.0]},
            "eval": {"seed": 5},
        },
        "versions": {"embedtune": "0.1.0", "torch": say("2.13.0")},
        "made": {"generate": {"started": "2026-11-24T07:17:13Z", "duration_s": 12.5, "cpus": 2, "system": say("Linux"),
                              "python": "3.11.7"}, "train": {}, "eval": {}},
        "metrics": _metrics(systems, say),
        "intervals": {"measure": "ndcg@10", "systems": {name: [0.7, 0.8] for name in systems}},
        "hit_rate": {"k": list(range(1, 101)), "systems": {name: [k / 100 for k in range(1, 101)] for name in systems}},
        "scores": {"edges": [0.1, 0.2, 0.3], "systems": {
            name: {"right": [3, 9], "wrong": [8, 4], "n_above": 9, "n_absent": 1} for name in ("base", "tuned")}},
        "examples": {
            "a": "tuned", "b": "base", "measure": "ndcg@10", "n_better": 3, "n_worse": 2, "n_same": 195,
            "losses": [_example(say, 1, 4) for _ in range(n_examples)], "wins": [_example(say, None, 1) for _ in range(n_examples)],
        },
    }  # fmt: skip


def sample(**changes) -> ReportData:
    """Return data, some of it replaced."""
    return ReportData.model_validate(report_data() | changes)


def overview(**changes) -> OverviewData:
    """Return the data of an overview."""
    return OverviewData.model_validate(report_data() | {"measure": "ndcg@10", "use": "base, by own"} | changes)


def hostile_data(texts: list[str], n_examples: int = 2) -> dict:
    """Return data in which each text stands somewhere, one after the other."""
    stream = cycle(texts)
    return report_data(lambda _: next(stream), n_examples)


def _metrics(systems: list[str], say: Callable[[str], str]) -> dict:
    pairs = [("tuned", "base"), ("hybrid_base", "base"), ("tuned", "bm25"), (systems[-1], "base")]
    return {
        "queries": say("my queries"), "n_queries": 1200, "judged_unit": "passage", "n_clusters": 30, "clustered_by": "document",
        "shipped": "tuned",
        "systems": {name: dict.fromkeys(MEASURES, 0.75 + number / 100) for number, name in enumerate(systems)},
        "comparisons": [
            _comparison(a, b, measure)
            for a, b in pairs for measure in ("ndcg@10", "hit_rate@5")
        ],
        "verdict": {"decision": "inconclusive", "reasons": [say("Not enough evidence."), say("More are needed.")],
                    "more_queries": 100},
        "slices": [
            {"a": "tuned", "b": "base", "measure": "ndcg@10", "by": by, "slice": say(name), "n_queries": 40, "mean_a": 0.8,
             "mean_b": 0.7, "delta": 0.1, "ci95": ends, "p_value": None}
            for by, name, ends in (("kind", "heading", [0.0, 0.2]), ("document", "refunds.md", None))
        ],
        "audits": [{"name": "leakage", "severity": "warn", "sentence": say("Seen before."), "n_affected": 3,
                    "score_impact": -0.5, "gain_impact": None, "advice": say("Part the queries anew.")}],
        "forgetting": {"severity": "note", "strengths": [0, 1], "sets": {say("general"): {
            "severity": "note", "sentence": say("No loss is shown."), "measures": {"ndcg@10": _comparison("tuned", "base", "ndcg@10")},
            "curve": [{"strength": 0.0, "ndcg@10": 0.82}, {"strength": 1.0, "ndcg@10": 0.81}]}}},
    }  # fmt: skip


def _comparison(a: str, b: str, measure: str) -> dict:
    return {
        "a": a, "b": b, "measure": measure, "n_queries": 1200, "n_clusters": 30, "mean_a": 0.712, "mean_b": 0.7,
        "delta": 0.012, "ci95": [-0.01, 0.034], "error": 0.01, "p_value": 0.21, "p_holm": 0.4, "p_mcnemar": None,
        "n_changed": 17, "detectable": 0.03, "better": False, "worse": False,
    }  # fmt: skip


def _example(say: Callable[[str], str], rank_b: int | None, rank_a: int) -> dict:
    return {
        "query_id": say("q-1"), "query": say("how do I get a refund"), "kind": say("span"), "score_a": 0.4, "score_b": 1.0,
        "rank_a": rank_a, "rank_b": rank_b,
        "passages": [
            {"role": f"First with {system}", "right": system == "base", "id": say("p-1"), "document": say("refunds.md"),
             "title": say("Refunds"), "page": 3, "pieces": [[say("A "), False], [say("refund"), True], [say(" takes days."), False]]}
            for system in ("base", "tuned")
        ],
    }  # fmt: skip
