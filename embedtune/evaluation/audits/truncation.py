"""Answers that a stack without windows never sees, because it cuts long passages off at the model's window."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from embedtune.evaluation.audits.impact import Finding, Impact, Runs, mean, points, score, severity_of
from embedtune.text.analyzer import lexical_terms
from embedtune.text.sentences import sentences_of
from embedtune.types import Qrels, Query, Run


class Seen(NamedTuple):
    """A relevant text, and how much of it the model sees.

    Attributes:
        text: The text as it is encoded.
        n_characters: Characters of it within the window.
    """

    text: str
    n_characters: int


def answers_beyond(queries: Sequence[Query], relevant: Mapping[str, Sequence[Seen]]) -> set[str]:
    """Find queries whose answer lies beyond the window, as far as words can tell.

    The answer is taken to be the sentence of the relevant texts that shares most terms with the query, of equals one that is
    seen. A sentence is beyond when it starts there. Queries that share no term with any sentence are not counted.

    Args:
        queries: Queries.
        relevant: Query id → its relevant texts.
    """
    return {query.query_id for query in queries if _is_beyond(query.text, relevant.get(query.query_id, ()))}


def audit_truncation(
    qrels: Qrels, runs: Runs, beyond: Collection[str], n_long: int, window: int, plain: Run | None = None
) -> Finding:
    """Measure the effect of truncation: the base's score with windows, minus with passages cut off at the model's window.

    Without ``plain`` the finding only compares the scores of queries with and without a cut-off answer, and has no impact:
    these are different queries, and one kind may be harder for other reasons.

    Args:
        qrels: Judgements as they are scored.
        runs: See ``Runs``; found with windows.
        beyond: Ids of queries whose answer lies beyond the window, see ``answers_beyond``.
        n_long: Queries of which at least one relevant passage is longer than the window.
        window: Tokens that the model sees of a passage.
        plain: The base's run with passages cut off.
    """
    affected = set(beyond) & qrels.keys()
    if not n_long:
        return Finding("truncation", "ok", f"Every answer fits the model's window of {window} tokens.", 0)
    scores = score(qrels, {"base": runs["base"]})["base"]
    lost = None if plain is None else points(mean(scores) - mean(score(qrels, {"base": plain})["base"]))
    impact = Impact(lost, None)
    share = (
        f"{n_long} of {len(qrels)} queries have a relevant passage longer than the model's window of {window} tokens; of "
        f"{len(affected)} the sentence most like the query lies beyond it"
    )
    return Finding(
        "truncation",
        severity_of(n_long, impact),
        f"{share}. {_impact_sentence(lost)}{_groups_sentence(scores, affected)}",
        len(affected),
        impact,
        "Split long passages, or search with windows as this evaluation does; most stacks cut off without a word.",
    )


def _impact_sentence(lost: float | None) -> str:
    if lost is None:
        return "What cutting off costs was not measured."
    return f"Searching windows instead of cutting passages off changes the base's score by {lost:+.2f} points."


def _groups_sentence(scores: Mapping[str, float], affected: Collection[str]) -> str:
    cut = {query_id: value for query_id, value in scores.items() if query_id in affected}
    fitting = {query_id: value for query_id, value in scores.items() if query_id not in affected}
    if not cut or not fitting:
        return ""
    return (
        f" With windows these queries score {mean(cut):.3f} and the others {mean(fitting):.3f}; that compares different "
        "queries and is no impact."
    )


def _is_beyond(query: str, relevant: Iterable[Seen]) -> bool:
    terms = set(lexical_terms(query))
    best_shared, best_beyond = 0, False
    for seen in relevant:
        start = 0
        for sentence in sentences_of(seen.text):
            shared, beyond = len(terms.intersection(lexical_terms(sentence))), start >= seen.n_characters
            if shared and (shared, not beyond) > (best_shared, not best_beyond):
                best_shared, best_beyond = shared, beyond
            start += len(sentence)
    return best_beyond
