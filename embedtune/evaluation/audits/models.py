"""Audits of models: truncated passages, a tuned model without effect, prompts; ``qrels`` are the judgements as scored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from embedtune.evaluation.audits.impact import Impact, Runs, gain, mean, points, record, score, severity_of
from embedtune.evaluation.drift import DEPTH, n_identical
from embedtune.models.readable_text import MAX_UNREAD, ScriptReading, describe, unread_share, wider_base
from embedtune.project.evaluation_records import AuditRecord
from embedtune.text.analyzer import lexical_terms
from embedtune.text.sentences import sentences_of
from embedtune.types import Qrels, Query, Run


class Seen(NamedTuple):
    """A relevant text, and how many characters of it are within the window of the model."""

    text: str
    n_characters: int


def answers_beyond(queries: Sequence[Query], relevant: Mapping[str, Sequence[Seen]]) -> set[str]:
    """Find queries whose answer lies beyond the window, as far as words can tell.

    The answer is taken to be the sentence of the relevant texts (query id → texts) that shares most terms with the query, of
    equals one that is seen. A sentence is beyond when it starts there. Queries that share no term with any sentence are not
    counted.
    """
    found = set()
    for query in queries:
        terms = set(lexical_terms(query.text))
        ranked = []
        for text, n_characters in relevant.get(query.query_id, ()):
            sentences = list(sentences_of(text))
            starts = accumulate(map(len, sentences), initial=0)
            ranked += [
                (len(terms.intersection(lexical_terms(sentence))), start < n_characters)
                for sentence, start in zip(sentences, starts, strict=False)
            ]
        n_shared, is_seen = max(ranked, default=(0, True))
        if n_shared and not is_seen:
            found.add(query.query_id)
    return found


def audit_truncation(
    qrels: Qrels, runs: Runs, beyond: Collection[str], n_long: int, window: int, plain: Run | None = None
) -> AuditRecord:
    """Measure the effect of truncation: the base's score with windows, minus with passages cut off at the model's window.

    Without ``plain``, the run with passages cut off, the finding only compares the scores of queries with and without a cut-off
    answer (``beyond``, see ``answers_beyond``), and has no impact: these are different queries, and one kind may be harder for
    other reasons. ``n_long`` queries have a relevant passage longer than the window, in tokens.
    """
    if not n_long:
        return record("truncation", f"Every answer fits the model's window of {window} tokens.")
    scores = score(qrels, {"base": runs["base"]})["base"]
    impact, effect = Impact(None, None), "What cutting off costs was not measured."
    if plain is not None:
        lost = points(mean(scores) - mean(score(qrels, {"base": plain})["base"]))
        impact = Impact(lost, None)
        effect = f"Searching windows instead of cutting passages off changes the base's score by {lost:+.2f} points."
    cut = {query_id: value for query_id, value in scores.items() if query_id in beyond}
    fitting = {query_id: value for query_id, value in scores.items() if query_id not in beyond}
    if cut and fitting:
        effect += (
            f" With windows these queries score {mean(cut):.3f} and the others {mean(fitting):.3f}; that compares different "
            "queries and is no impact."
        )
    return record(
        "truncation",
        f"{n_long} of {len(qrels)} queries have a relevant passage longer than the model's window of {window} tokens; of "
        f"{len(cut)} the sentence most like the query lies beyond it. {effect}",
        len(cut),
        impact,
        "Split long passages, or search with windows as this evaluation does; most stacks cut off without a word.",
        severity=severity_of(n_long, impact),
    )


SAME_COSINE = 1 - 1e-4
"""From this mean query cosine on, tuned and base are one model for all purposes."""

_MOSTLY = 0.9
_SIDES = ("query", "document")


class Prompts(NamedTuple):
    """The prompts (``query`` and ``document``) of the base, those that a run encodes with, and those of the saved model."""

    base: Mapping[str, str]
    used: Mapping[str, str]
    saved: Mapping[str, str]


def audit_change(qrels: Qrels, runs: Runs, query_cosine: float | None = None) -> AuditRecord:
    """Check whether the tuned model differs from the base; what it would have gained otherwise is unknown.

    The mean cosine of query vectors under base and tuned, in [-1, 1], counts where it was measured.
    """
    n_queries, n_same = len(runs["base"]), n_identical(runs["base"], runs["tuned"])
    cosine = "" if query_cosine is None else f"; the mean cosine of query vectors is {query_cosine:.4f}"
    figures = f"{n_same} of {n_queries} queries have the same first {DEPTH} in the same order{cosine}"
    if n_same == n_queries or (query_cosine is not None and query_cosine >= SAME_COSINE):
        return record(
            "unchanged",
            f"The tuned model does what the base does: {figures}.",
            n_same,
            advice="Raise train.epochs or train.learning_rate, and check that the tuned model is the one that was loaded.",
            severity="warn",
        )
    if n_same < _MOSTLY * n_queries:
        return record("unchanged", f"Tuning changed the model: {figures}.", n_same, severity="ok")
    gained = points(gain(score(qrels, runs)) or 0.0)
    return record(
        "unchanged",
        f"Tuning changed little: {figures}; the gain of {gained:+.2f} points rests on the other {n_queries - n_same}.",
        n_same,
        advice="More training pairs or epochs may move it further; the verdict says whether that little is sure.",
    )


def audit_prompts(prompts: Prompts, qrels: Qrels, runs: Runs, without: Run | None = None) -> AuditRecord:
    """Compare prompts, and measure the effect of dropping them: score without the query prompt, minus with it.

    ``without`` is the run of the shipped model (tuned, or else base) with queries encoded without their prompt.
    """
    wrong = [side for side in _SIDES if prompts.saved.get(side, "") != prompts.used.get(side, "")]
    own = [side for side in _SIDES if prompts.base.get(side, "") != prompts.used.get(side, "")]
    used = [side for side in _SIDES if prompts.used.get(side)]
    impact, effect = Impact(None, None), ""
    if without is not None:
        scores = score(qrels, {"with": runs.get("tuned", runs["base"]), "without": without})
        lost = points(mean(scores["without"]) - mean(scores["with"]))
        impact, effect = Impact(lost, None), f" A stack that drops the query prompt gets {lost:+.2f} points."
    if wrong:
        return record(
            "prompts",
            f"The saved model carries {_quote(prompts.saved, wrong)}, but was trained and measured with "
            f"{_quote(prompts.used, wrong)}.{effect}",
            len(wrong),
            impact,
            "Save the model again with the prompts of the run, or set them in your stack; else it is not what was measured.",
            severity="warn",
        )
    if not used and not own:
        return record("prompts", "The model has no prompts, so none can be forgotten.")
    other = f" The base model's own: {_quote(prompts.base, own)}." if own else ""
    return record(
        "prompts",
        f"The saved model carries the prompts of the run: {_quote(prompts.used, _SIDES)}.{other}{effect}",
        len(own) or len(used),
        impact,
        "Encode with encode_query and encode_document, or give your stack these prompts.",
        severity="note",
    )


def audit_reading(reading: Sequence[ScriptReading], n_queries: int) -> AuditRecord:
    """Say how much of the passages the base cannot read, by script."""
    share = unread_share(reading)
    if share < MAX_UNREAD:
        return record(
            "reading", f"The base reads the letters of the passages; {share:.1%} are unknown to it or in bytes."
        )
    return record(
        "reading",
        f"The base cannot read {share:.0%} of the letters of the passages: {describe(reading)}.",
        n_queries,
        advice=f"Choose a base that reads them, such as {wider_base(reading)}: tuning does not widen a vocabulary.",
        severity="warn",
    )


def _quote(prompts: Mapping[str, str], sides: Sequence[str]) -> str:
    return " and ".join(f"{side} {prompts.get(side, '')!r}" for side in sides)
