"""Test queries that training has seen: the same query, or the same answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from embedtune.evaluation.audits.impact import (
    UNKNOWN,
    Finding,
    Impact,
    Runs,
    gain,
    impact_of,
    points,
    score,
    severity_of,
)
from embedtune.text.dedup import THRESHOLD, DuplicateIndex
from embedtune.types import Qrels, Query


def near_queries(test: Sequence[Query], train: Sequence[Query], similarity: float = THRESHOLD) -> dict[str, str]:
    """Find test queries that equal a training query or nearly so, by their terms; order and repetition do not matter.

    Args:
        test: Queries to look for.
        train: Queries to look in.
        similarity: Least Jaccard similarity of the sets of terms, in (0, 1].

    Returns:
        Test query id → id of the training query that is most like it, of equals the first.
    """
    index = DuplicateIndex(similarity)
    for query in train:
        index.add(query.text)
    matches = ((query.query_id, index.find(query.text)) for query in test)
    return {query_id: train[match.position].query_id for query_id, match in matches if match}


def audit_leakage(
    qrels: Qrels, runs: Runs, seen_queries: Collection[str], seen_answers: Collection[str] | None
) -> Finding:
    """Measure the effect of test queries that training has seen: gain without the affected queries, minus gain with them.

    Args:
        qrels: Judgements as they are scored.
        runs: See ``Runs``.
        seen_queries: Ids of test queries that are training queries, or nearly.
        seen_answers: Ids of test queries with an answer that was trained on; None where that is meant, as for queries of your
            own on documents that the model was tuned on.
    """
    queries, answers = set(seen_queries) & qrels.keys(), set(seen_answers or ()) & qrels.keys()
    affected = queries | answers
    scope = "" if seen_answers is not None else " (that answers were trained on is meant here, and not counted)"
    if not affected:
        return Finding("leakage", "ok", f"No test query, and no answer of one, was trained on{scope}.", 0)
    all_scores = score(qrels, runs)
    clean = {system: _without(scores, affected) for system, scores in all_scores.items()}
    impact = impact_of(all_scores, clean)
    opening = (
        f"Training saw {len(queries)} of {len(qrels)} test queries, word for word or nearly, and an answer of "
        f"{len(answers)}{scope}"
    )
    return Finding(
        "leakage",
        _severity(len(affected), len(qrels), impact),
        f"{opening}; {_consequence(gain(all_scores), impact)}.",
        len(affected),
        impact,
        "Take these queries out of the test set, or out of training, and train again; quote the gain without them.",
    )


def _without(scores: Mapping[str, float], affected: Collection[str]) -> dict[str, float]:
    return {query_id: value for query_id, value in scores.items() if query_id not in affected}


def _severity(n_affected: int, n_queries: int, impact: Impact) -> str:
    """The base was not trained on anything: that its score differs on other queries is no defect."""
    return "warn" if n_affected == n_queries else severity_of(n_affected, Impact(None, impact.gain))


def _consequence(measured: float | None, impact: Impact) -> str:
    if impact == UNKNOWN:
        return "no other query is left, so this test shows nothing"
    if measured is None or impact.gain is None:
        return "no model was tuned, so no gain depends on them"
    return f"without these queries the gain is {points(measured) + impact.gain:+.2f} points instead of {points(measured):+.2f}"
