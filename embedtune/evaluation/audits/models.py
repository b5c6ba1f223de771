"""Audits of the models: whether tuning changed anything, and whether prompts are the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from embedtune.evaluation.audits.impact import Finding, Impact, Runs, mean, points, score
from embedtune.evaluation.drift import DEPTH, n_identical
from embedtune.types import Qrels, Run

SAME_COSINE = 1 - 1e-4
"""From this mean query cosine on, tuned and base are one model for all purposes."""

_MOSTLY = 0.9
_SIDES = ("query", "document")


class Prompts(NamedTuple):
    """The prompts of one run in three places: ``query`` and ``document`` → text; one that is missing is empty.

    Attributes:
        base: Saved with the base model.
        used: With which training and evaluation encoded.
        saved: Saved with the model that is shipped.
    """

    base: Mapping[str, str]
    used: Mapping[str, str]
    saved: Mapping[str, str]


def audit_change(qrels: Qrels, runs: Runs, query_cosine: float | None = None) -> Finding:
    """Check whether the tuned model differs from the base; what it would have gained otherwise is unknown.

    Args:
        qrels: Judgements as they are scored.
        runs: Of base and tuned.
        query_cosine: Mean cosine of the queries' vectors under base and tuned, in [-1, 1], where it was measured.
    """
    n_queries, n_same = len(runs["base"]), n_identical(runs["base"], runs["tuned"])
    cosine = "" if query_cosine is None else f"; the mean cosine of query vectors is {query_cosine:.4f}"
    figures = f"{n_same} of {n_queries} queries have the same first {DEPTH} in the same order{cosine}"
    if n_same == n_queries or (query_cosine is not None and query_cosine >= SAME_COSINE):
        return Finding(
            "unchanged",
            "warn",
            f"The tuned model does what the base does: {figures}.",
            n_same,
            advice="Raise train.epochs or train.learning_rate, and check that the tuned model is the one that was loaded.",
        )
    if n_same < _MOSTLY * n_queries:
        return Finding("unchanged", "ok", f"Tuning changed the model: {figures}.", n_same)
    scores = score(qrels, runs)
    gained = points(mean(scores["tuned"]) - mean(scores["base"]))
    return Finding(
        "unchanged",
        "note",
        f"Tuning changed little: {figures}; the gain of {gained:+.2f} points rests on the other {n_queries - n_same}.",
        n_same,
        advice="More training pairs or epochs may move it further; the verdict says whether that little is sure.",
    )


def audit_prompts(prompts: Prompts, qrels: Qrels, runs: Runs, without: Run | None = None) -> Finding:
    """Compare prompts, and measure the effect of dropping them: score without the query prompt, minus with it.

    Args:
        prompts: Where they are recorded.
        qrels: Judgements as they are scored.
        runs: See ``Runs``; found with prompts.
        without: The run of the shipped model (tuned, or else base) with queries encoded without their prompt.
    """
    wrong = [side for side in _SIDES if prompts.saved.get(side, "") != prompts.used.get(side, "")]
    own = [side for side in _SIDES if prompts.base.get(side, "") != prompts.used.get(side, "")]
    used = [side for side in _SIDES if prompts.used.get(side)]
    impact = Impact(_dropped(qrels, runs, without), None)
    if wrong:
        return Finding(
            "prompts",
            "warn",
            f"The saved model carries {_quote(prompts.saved, wrong)}, but was trained and measured with "
            f"{_quote(prompts.used, wrong)}.{_describe_dropped(impact)}",
            len(wrong),
            impact,
            "Save the model again with the prompts of the run, or set them in your stack; else it is not what was measured.",
        )
    if not used and not own:
        return Finding("prompts", "ok", "The model has no prompts, so none can be forgotten.", 0)
    other = f" The base model's own: {_quote(prompts.base, own)}." if own else ""
    return Finding(
        "prompts",
        "note",
        f"The saved model carries the prompts of the run: {_quote(prompts.used, _SIDES)}.{other}{_describe_dropped(impact)}",
        len(own) or len(used),
        impact,
        "Encode with encode_query and encode_document, or give your stack these prompts.",
    )


def _dropped(qrels: Qrels, runs: Runs, without: Run | None) -> float | None:
    if without is None:
        return None
    shipped = runs.get("tuned", runs["base"])
    scores = score(qrels, {"with": shipped, "without": without})
    return points(mean(scores["without"]) - mean(scores["with"]))


def _describe_dropped(impact: Impact) -> str:
    return "" if impact.score is None else f" A stack that drops the query prompt gets {impact.score:+.2f} points."


def _quote(prompts: Mapping[str, str], sides: list[str] | tuple[str, ...]) -> str:
    return " and ".join(f"{side} {prompts.get(side, '')!r}" for side in sides)
