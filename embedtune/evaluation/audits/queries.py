"""Audits of queries and their judgements: identical texts, equal negatives, unanswered queries, leakage from training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from embedtune.evaluation.audits.impact import (
    UNKNOWN,
    Finding,
    Impact,
    Runs,
    describe,
    gain,
    impact_of,
    points,
    score,
    severity_of,
)
from embedtune.text.analyzer import lexical_terms
from embedtune.text.dedup import THRESHOLD, DuplicateIndex
from embedtune.types import Qrels, Query, Run


def audit_same_text(as_judged: Qrels, shared: Qrels, runs: Runs) -> Finding:
    """Measure the effect of identical texts that were judged differently: score with one judgement for all, minus as judged.

    Args:
        as_judged: Judgements as they came.
        shared: The same after identical texts were given one judgement; the same queries.
        runs: See ``Runs``.
    """
    affected = [query_id for query_id, grades in as_judged.items() if grades != shared[query_id]]
    if not affected:
        return Finding("same_text", "ok", "No text stands under two ids that were judged differently.", 0)
    impact = impact_of(score(as_judged, runs), score(shared, runs))
    return Finding(
        "same_text",
        severity_of(len(affected), impact),
        f"For {len(affected)} of {len(as_judged)} queries the text of a judged unit stands in the corpus again under an id "
        f"that was judged otherwise or not at all; judged alike, {describe(impact)}.",
        len(affected),
        impact,
        "The table judges identical texts alike already; take the doubles out of the corpus, or a search returns them twice.",
    )


def audit_equal_negatives(qrels: Qrels, runs: Runs, texts: Mapping[str, str]) -> Finding:
    """Impact answers that also stand among the wrong ones: score with such ties ranked once, minus as it is.

    Texts count as equal when their terms are the same in the same order, whatever case, white space and punctuation.

    Args:
        qrels: Judgements as they are scored.
        runs: See ``Runs``.
        texts: Unit id → text, for the whole corpus.
    """
    classes = _equal_texts(texts)
    tied = {query_id: found for query_id, grades in qrels.items() if (found := _ties(grades, classes))}
    if not tied:
        return Finding("equal_negatives", "ok", "No relevant text equals one that counts as wrong.", 0)
    merged = {query_id: _rename(grades, tied.get(query_id, {})) for query_id, grades in qrels.items()}
    merged_runs = {system: _merge_run(run, tied) for system, run in runs.items()}
    impact = impact_of(score(qrels, runs), score(merged, merged_runs))
    return Finding(
        "equal_negatives",
        severity_of(len(tied), impact),
        f"For {len(tied)} of {len(qrels)} queries a relevant text stands in the corpus again, but for case, spaces or "
        f"punctuation, and counts as wrong there; with these ranked as one, {describe(impact)}.",
        len(tied),
        impact,
        "Remove the copies from the corpus or judge them like the original; in training they are negatives that are right.",
    )


def audit_unanswered(qrels: Qrels, runs: Runs, known: Collection[str]) -> Finding:
    """Impact judgements of what the corpus does not hold: score without them, minus as it is.

    Queries of which nothing relevant is there are left out; of the others only the missing judgements are.

    Args:
        qrels: Judgements as they are scored.
        runs: See ``Runs``.
        known: Ids of all units of the corpus.
    """
    held = {
        query_id: {unit: grade for unit, grade in grades.items() if unit in known} for query_id, grades in qrels.items()
    }
    answered = {query_id: grades for query_id, grades in held.items() if _relevant(grades)}
    n_lost = len(qrels) - len(answered)
    n_partly = sum(len(_relevant(grades)) < len(_relevant(qrels[query_id])) for query_id, grades in answered.items())
    if not n_lost and not n_partly:
        return Finding("unanswered", "ok", "The corpus holds everything that was judged relevant.", 0)
    left = {
        system: {query_id: run[query_id] for query_id in answered if query_id in run} for system, run in runs.items()
    }
    impact = impact_of(score(qrels, runs), score(answered, left))
    return Finding(
        "unanswered",
        severity_of(n_lost + n_partly, impact),
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


def _rename(grades: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    renamed: dict[str, int] = {}
    for unit, grade in grades.items():
        name = names.get(unit, unit)
        renamed[name] = max(grade, renamed.get(name, grade))
    return renamed


def _merge_run(run: Run, tied: Mapping[str, Mapping[str, str]]) -> Run:
    """Rank each class once, at its best score."""
    merged: Run = {}
    for query_id, scores in run.items():
        names = tied.get(query_id, {})
        merged[query_id] = {}
        for unit, value in scores.items():
            name = names.get(unit, unit)
            merged[query_id][name] = max(value, merged[query_id].get(name, value))
    return merged


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
    clean = {
        system: {query_id: value for query_id, value in scores.items() if query_id not in affected}
        for system, scores in all_scores.items()
    }
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


def _severity(n_affected: int, n_queries: int, impact: Impact) -> str:
    """The base was not trained on anything: that its score differs on other queries is no defect."""
    return "warn" if n_affected == n_queries else severity_of(n_affected, Impact(None, impact.gain))


def _consequence(measured: float | None, impact: Impact) -> str:
    if impact == UNKNOWN:
        return "no other query is left, so this test shows nothing"
    if measured is None or impact.gain is None:
        return "no model was tuned, so no gain depends on them"
    return f"without these queries the gain is {points(measured) + impact.gain:+.2f} points instead of {points(measured):+.2f}"
