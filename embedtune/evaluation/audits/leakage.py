"""Test queries that training has seen: the same query, or the same answer."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from embedtune.evaluation.audits.impact import UNKNOWN, Finding, Price, Runs, gain, points, price, score, weigh
from embedtune.text.analyzer import lexical_terms
from embedtune.types import Qrels, Query

SIMILARITY = 0.8
"""Share of all terms of two queries that they must have in common to count as nearly the same (Jaccard)."""


def near_queries(test: Sequence[Query], train: Sequence[Query], similarity: float = SIMILARITY) -> dict[str, str]:
    """Find test queries that equal a training query or nearly so, by their terms; order and repetition do not matter.

    Args:
        test: Queries to look for.
        train: Queries to look in.
        similarity: Least Jaccard similarity of the sets of terms, in (0, 1].

    Returns:
        Test query id → id of the training query that is most like it, of equals the first.
    """
    held = [frozenset(lexical_terms(query.text)) for query in train]
    postings: dict[str, list[int]] = {}
    for number, terms in enumerate(held):
        for term in terms:
            postings.setdefault(term, []).append(number)
    found = {}
    for query in test:
        terms = frozenset(lexical_terms(query.text))
        alike = {number: _jaccard(terms, held[number]) for number in _candidates(terms, postings, similarity)}
        best = max(alike, key=lambda number: (alike[number], -number), default=None)
        if best is not None and alike[best] >= similarity:
            found[query.query_id] = train[best].query_id
    return found


def audit_leakage(
    qrels: Qrels, runs: Runs, seen_queries: Collection[str], seen_answers: Collection[str] | None
) -> Finding:
    """Price what training had seen of the test: gain without the affected queries, minus gain with them.

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
    cost = price(all_scores, clean)
    opening = (
        f"Training saw {len(queries)} of {len(qrels)} test queries, word for word or nearly, and an answer of "
        f"{len(answers)}{scope}"
    )
    return Finding(
        "leakage",
        _severity(len(affected), len(qrels), cost),
        f"{opening}; {_consequence(gain(all_scores), cost)}.",
        len(affected),
        cost,
        "Take these queries out of the test set, or out of training, and train again; quote the gain without them.",
    )


def _without(scores: Mapping[str, float], affected: Collection[str]) -> dict[str, float]:
    return {query_id: value for query_id, value in scores.items() if query_id not in affected}


def _severity(n_affected: int, n_queries: int, cost: Price) -> str:
    """The base was not trained on anything: that its score differs on other queries is no defect."""
    return "warn" if n_affected == n_queries else weigh(n_affected, Price(None, cost.gain))


def _consequence(measured: float | None, cost: Price) -> str:
    if cost == UNKNOWN:
        return "no other query is left, so this test shows nothing"
    if measured is None or cost.gain is None:
        return "no model was tuned, so no gain depends on them"
    return f"without these queries the gain is {points(measured) + cost.gain:+.2f} points instead of {points(measured):+.2f}"


def _candidates(terms: frozenset[str], postings: dict[str, list[int]], similarity: float) -> set[int]:
    """Return who can be similar enough: he shares ⌈similarity · n⌉ terms, so one of any n − that + 1; take the rarest."""
    n_telling = len(terms) - math.ceil(similarity * len(terms) - 1e-9) + 1
    rarest = sorted(terms, key=lambda term: (len(postings.get(term, ())), term))[:n_telling]
    return {number for term in rarest for number in postings.get(term, ())}


def _jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second) if first or second else 0.0
