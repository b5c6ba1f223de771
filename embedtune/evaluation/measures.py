"""Retrieval measures, by ir_measures."""

from __future__ import annotations

from embedtune.types import Qrels, Run

PerQuery = dict[str, dict[str, float]]
"""Measure → query id → value."""

MEASURES = {
    "hit_rate@1": "Success@1",
    "hit_rate@3": "Success@3",
    "hit_rate@5": "Success@5",
    "hit_rate@10": "Success@10",
    "mrr@10": "RR@10",
    "ndcg@10": "nDCG@10",
    "recall@100": "R@100",
}
"""Our names and those of ir_measures. The hit rate is trec_eval's success: 1 if any relevant passage is among the first k."""


def per_query(qrels: Qrels, run: Run) -> PerQuery:
    """Score each judged query; one that the run misses, or without a relevant passage, counts 0.

    Ties are broken as ir_measures has it: by falling id (trec_eval's rule), for mrr@10 by rising id.

    Returns:
        Measure → query id → value, queries in the order of the qrels.
    """
    import ir_measures

    measures = {ir_measures.parse_measure(theirs): ours for ours, theirs in MEASURES.items()}
    values = {ours: dict.fromkeys(qrels, 0.0) for ours in MEASURES}
    for metric in ir_measures.iter_calc(list(measures), qrels, run):
        values[measures[metric.measure]][metric.query_id] = metric.value
    return values


def means(values: PerQuery) -> dict[str, float]:
    """Average each measure over the judged queries; 0 when there are none."""
    return {name: sum(scores.values()) / max(1, len(scores)) for name, scores in values.items()}
