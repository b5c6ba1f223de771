"""Audits of queries and their judgements: identical texts, equal negatives, unanswered queries, leakage from training.

``qrels`` are the judgements as they are scored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from embedtune.evaluation.audits.impact import (
    UNKNOWN,
    Impact,
    Runs,
    describe,
    gain,
    impact_of,
    points,
    record,
    score,
    severity_of,
)
from embedtune.project.evaluation_records import AuditRecord
from embedtune.text.analyzer import lexical_terms
from embedtune.text.dedup import THRESHOLD, DuplicateIndex
from embedtune.types import Qrels, Query

T = TypeVar("T", int, float)


def audit_same_text(as_judged: Qrels, shared: Qrels, runs: Runs) -> AuditRecord:
    """Measure the effect of identical texts that were judged differently: score with one judgement for all, minus as judged."""
    n_affected = sum(grades != shared[query_id] for query_id, grades in as_judged.items())
    if not n_affected:
        return record("same_text", "No text stands under two ids that were judged differently.")
    impact = impact_of(score(as_judged, runs), score(shared, runs))
    return record(
        "same_text",
        f"For {n_affected} of {len(as_judged)} queries the text of a judged unit stands in the corpus again under an id "
        f"that was judged otherwise or not at all; judged alike, {describe(impact)}.",
        n_affected,
        impact,
        "The table judges identical texts alike already; take the doubles out of the corpus, or a search returns them twice.",
    )


def audit_equal_negatives(qrels: Qrels, runs: Runs, texts: Mapping[str, str]) -> AuditRecord:
    """Measure the effect of answers that also stand among the wrong ones: score with such ties ranked once, minus as it is.

    Texts (unit id → text, for the whole corpus) count as equal when their terms are the same in the same order, whatever case,
    white space and punctuation.
    """
    classes = _equal_texts(texts)
    tied = {query_id: names for query_id, grades in qrels.items() if (names := _ties(grades, classes))}
    if not tied:
        return record("equal_negatives", "No relevant text equals one that counts as wrong.")
    merged = {query_id: _merge(grades, tied.get(query_id, {})) for query_id, grades in qrels.items()}
    merged_runs = {
        system: {query_id: _merge(scores, tied.get(query_id, {})) for query_id, scores in run.items()}
        for system, run in runs.items()
    }
    impact = impact_of(score(qrels, runs), score(merged, merged_runs))
    return record(
        "equal_negatives",
        f"For {len(tied)} of {len(qrels)} queries a relevant text stands in the corpus again, but for case, spaces or "
        f"punctuation, and counts as wrong there; with these ranked as one, {describe(impact)}.",
        len(tied),
        impact,
        "Remove the copies from the corpus or judge them like the original; in training they are negatives that are right.",
    )


def audit_unanswered(qrels: Qrels, runs: Runs, known: Collection[str]) -> AuditRecord:
    """Measure the effect of judgements of units that the corpus does not have: score without them, minus as it is.

    Queries of which nothing relevant is there are left out; of the others only the missing judgements are.
    """
    present = {
        query_id: {unit: grade for unit, grade in grades.items() if unit in known} for query_id, grades in qrels.items()
    }
    answered = {query_id: grades for query_id, grades in present.items() if _relevant(grades)}
    n_lost = len(qrels) - len(answered)
    n_partly = sum(len(_relevant(grades)) < len(_relevant(qrels[query_id])) for query_id, grades in answered.items())
    if not n_lost and not n_partly:
        return record("unanswered", "The corpus holds everything that was judged relevant.")
    left = {
        system: {query_id: run[query_id] for query_id in answered if query_id in run} for system, run in runs.items()
    }
    impact = impact_of(score(qrels, runs), score(answered, left))
    return record(
        "unanswered",
        f"{n_lost} of {len(qrels)} queries have no answer in this corpus and count 0 for every system; {n_partly} more have "
        f"lost some of theirs. Without what is missing, {describe(impact)}.",
        n_lost + n_partly,
        impact,
        "Add the missing documents, or take these queries out of the set; check whether files were skipped.",
    )


def _relevant(grades: Mapping[str, int]) -> list[str]:
    return [unit for unit, grade in grades.items() if grade > 0]


def _equal_texts(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return for each unit that has an equal all units of its class; a text without terms equals only its like."""
    classes: dict[tuple[str, ...] | str, list[str]] = {}
    for unit, text in texts.items():
        classes.setdefault(tuple(lexical_terms(text)) or text, []).append(unit)
    return {unit: members for members in classes.values() if len(members) > 1 for unit in members}


def _ties(grades: Mapping[str, int], classes: Mapping[str, list[str]]) -> dict[str, str]:
    """Return for each member of a class with relevant and other members the member that represents all."""
    names: dict[str, str] = {}
    for unit in _relevant(grades):
        members = classes.get(unit, [unit])
        if unit not in names and any(grades.get(member, 0) <= 0 for member in members):
            names.update(dict.fromkeys(members, unit))
    return names


def _merge(values: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """Rename units; of several with one name the highest grade or score counts."""
    merged: dict[str, T] = {}
    for unit, value in values.items():
        name = names.get(unit, unit)
        merged[name] = max(value, merged.get(name, value))
    return merged


def near_queries(test: Sequence[Query], train: Sequence[Query], similarity: float = THRESHOLD) -> dict[str, str]:
    """Find test queries that equal a training query or nearly so, by their terms; order and repetition do not matter.

    Returns test query id → id of the training query that is most like it, of equals the first. The similarity is the least
    Jaccard similarity of the sets of terms, in (0, 1].
    """
    index = DuplicateIndex(similarity)
    for query in train:
        index.add(query.text)
    return {query.query_id: train[match.position].query_id for query in test if (match := index.find(query.text))}


def audit_leakage(
    qrels: Qrels, runs: Runs, seen_queries: Collection[str], seen_answers: Collection[str] | None
) -> AuditRecord:
    """Measure the effect of test queries that training has seen: gain without the affected queries, minus gain with them.

    ``seen_queries`` are ids of test queries that are training queries, or nearly, ``seen_answers`` of those with an answer that
    was trained on; None where that is meant, as for queries of your own on documents that the model was tuned on.
    """
    queries, answers = set(seen_queries) & qrels.keys(), set(seen_answers or ()) & qrels.keys()
    affected = queries | answers
    scope = "" if seen_answers is not None else " (that answers were trained on is meant here, and not counted)"
    if not affected:
        return record("leakage", f"No test query, and no answer of one, was trained on{scope}.")
    all_scores = score(qrels, runs)
    clean = {
        system: {query_id: value for query_id, value in scores.items() if query_id not in affected}
        for system, scores in all_scores.items()
    }
    impact = impact_of(all_scores, clean)
    # The base was not trained on anything: that its score differs on other queries is no defect.
    severity = "warn" if affected == qrels.keys() else severity_of(len(affected), Impact(None, impact.gain))
    return record(
        "leakage",
        f"Training saw {len(queries)} of {len(qrels)} test queries, word for word or nearly, and an answer of "
        f"{len(answers)}{scope}; {_consequence(gain(all_scores), impact)}.",
        len(affected),
        impact,
        "Take these queries out of the test set, or out of training, and train again; quote the gain without them.",
        severity=severity,
    )


def _consequence(measured: float | None, impact: Impact) -> str:
    if impact == UNKNOWN:
        return "no other query is left, so this test shows nothing"
    if measured is None or impact.gain is None:
        return "no model was tuned, so no gain depends on them"
    return f"without these queries the gain is {points(measured) + impact.gain:+.2f} points instead of {points(measured):+.2f}"
