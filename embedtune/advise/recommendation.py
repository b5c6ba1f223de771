"""From what was measured to one recommendation: a pure function, whose rules and reasons stand in ``docs/advise.md``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal, NamedTuple

from embedtune.evaluation.points import interval, points
from embedtune.evaluation.verdict import MIN_GAIN, SMALL_HEADROOM
from embedtune.project.evaluation_records import Comparison

Decision = Literal["fix_chunking", "use_fusion", "tune_query_side", "tune_fully", "leave"]

MIN_DRAWN_TUNING_GAIN = 0.02
"""As ``MIN_GAIN`` for tuning, on drawn queries: there a map of queries gains up to a point whether it helps people or not."""

LARGE_HEADROOM = 0.05
"""Head-room from which tuning on judgements of your own is worth trying."""

MIN_LABELLED = 500
"""Train queries with judgements from which both sides can learn what people ask."""

FEW_QUERIES = 50
"""Queries that judge under which the advice says that it is weak."""


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    Attributes:
        source: As the user named it, for the command.
        drawn: Whether the queries that judge were drawn by rules; else people's.
        queries: Folder of people's queries, for the command; None where they were drawn.
        n_queries: Queries that judge.
        share_lost: Share of the tokens that the model's window cuts off of documents or passages as they came.
        ready_made: Whether the source came in passages.
        size: Chunk size by the settings, in tokens.
        best_size: The size to use.
        chunking: Gain of that over what is done now: ready-made passages cut off, own documents cut to ``size``.
        fusion: Comparison of the fusion with BM25 over the base.
        fusion_over_bm25: Comparison of it over BM25.
        tuning: Gain of the fitted map of queries, over the base, or with fusion over fusion; None where it was not tried.
        headroom: What a perfect order of the first hundred would gain over the better of base and fusion.
        n_labelled: Train queries with judgements that came with the source.
    """

    source: str
    drawn: bool
    queries: str | None
    n_queries: int
    share_lost: float
    ready_made: bool
    size: int
    best_size: int
    chunking: Comparison | None
    fusion: Comparison
    fusion_over_bm25: Comparison
    tuning: Comparison | None
    headroom: float
    n_labelled: int


class Recommendation(NamedTuple):
    """What to do.

    Attributes:
        decision: What comes first.
        sentence: The same in words.
        reasons: Why, with figures.
        then: What is worth doing after it, in this order.
        commands: To run next, in this order.
        weak: Why the advice is weak; empty where it is not.
    """

    decision: Decision
    sentence: str
    reasons: list[str]
    then: list[Decision]
    commands: list[str]
    weak: list[str]


_SENTENCES: dict[Decision, str] = {
    "fix_chunking": "Fix the chunking first: embed chunks of {size} tokens.",
    "use_fusion": "Fuse the base model with BM25; do not tune yet.",
    "tune_query_side": "Tune the query encoder; document embeddings and their index stay unchanged.",
    "tune_fully": "Tune both encoders on your own judged queries, and select the method on dev.",
    "leave": "Change nothing: use the base model, without fusion or tuning.",
}


def recommend(facts: Facts) -> Recommendation:
    """Return the one thing to do next.

    Of what costs no training (chunking, fusion) the larger gain comes first. Tuning comes first only where neither gains
    anything; the query side before both sides, because it needs no new index.
    """
    free: list[tuple[float, Decision]] = []
    if facts.chunking and _is_worth(facts.chunking, MIN_GAIN):
        free.append((facts.chunking.difference, "fix_chunking"))
    if is_safe(facts.fusion, MIN_GAIN):
        free.append((facts.fusion.difference, "use_fusion"))
    steps: list[Decision] = [decision for _, decision in sorted(free, key=lambda step: -step[0])]
    steps += _tuning(facts)
    decision, *then = steps or ["leave"]
    return Recommendation(
        decision,
        _SENTENCES[decision].format(size=facts.best_size),
        [_reason(step, facts) for step in (decision, *then)] + _against(facts, steps),
        then,
        _commands(decision, facts),
        _weaknesses(facts),
    )


def _tuning(facts: Facts) -> list[Decision]:
    if facts.headroom < SMALL_HEADROOM:
        return []
    if facts.tuning and _is_worth(facts.tuning, MIN_DRAWN_TUNING_GAIN if facts.drawn else MIN_GAIN):
        return ["tune_query_side"]
    if facts.n_labelled >= MIN_LABELLED and facts.headroom >= LARGE_HEADROOM:
        return ["tune_fully"]
    return []


def _reason(step: Decision, facts: Facts) -> str:
    """Say why something is worth doing; of what is left as it is, why nothing is."""
    if step == "fix_chunking" and facts.chunking:
        now = (
            f"now {facts.share_lost:.0%} of the tokens are cut off"
            if facts.ready_made
            else f"the settings say {facts.size}"
        )
        return f"Chunks of {facts.best_size} tokens: {_describe(facts.chunking)}; {now}."
    if step == "use_fusion":
        return f"Fusion with BM25: {_describe(facts.fusion)}. It needs no training and no new index."
    if step == "tune_query_side" and facts.tuning:
        return f"A linear query adapter, fitted in seconds: {_describe(facts.tuning)}; an adapter usually gains more."
    if step == "tune_fully":
        return (
            f"The source has {facts.n_labelled:,} judged train queries, and a perfect ranking of the top 100 would "
            f"gain {_points(facts.headroom)}."
        )
    return f"No significant gain of {_points(MIN_GAIN)} or more was measured."


def _against(facts: Facts, steps: list[Decision]) -> list[str]:
    """Say what was looked at and is not worth it."""
    reasons = []
    if "use_fusion" not in steps:
        reasons.append(f"Fusion with BM25: {_describe(facts.fusion)}.")
    elif facts.fusion_over_bm25.difference < 0 or not facts.fusion_over_bm25.better:
        flattered = "; synthetic queries favour BM25" if facts.drawn else ""
        reasons.append(
            f"The fusion is not significantly better than BM25 alone: {_describe(facts.fusion_over_bm25)}{flattered}."
        )
    if facts.headroom < SMALL_HEADROOM:
        reasons.append(
            f"There is little left to gain: a perfect ranking of the top 100 would add {_points(facts.headroom)}."
        )
    elif facts.tuning is None:
        reasons.append("Tuning was not tried: the sample has too few queries to train on.")
    elif "tune_query_side" not in steps:
        reasons.append(f"A linear query adapter, fitted in seconds: {_describe(facts.tuning)}.")
    if not steps and facts.headroom >= LARGE_HEADROOM:
        reasons.append(
            f"There is room ({_points(facts.headroom)} with a perfect ranking), but no evidence that tuning would gain it; "
            "judged queries of your users would show it."
        )
    return reasons


def _weaknesses(facts: Facts) -> list[str]:
    reasons = []
    if facts.drawn:
        reasons.append(
            "This advice is weak: its queries were made from the text by rules. They favour BM25, and people use other "
            "words. Provide real ones with --queries."
        )
    if facts.n_queries < FEW_QUERIES:
        reasons.append(f"This advice is weak: only {facts.n_queries} queries were available.")
    return reasons


def _commands(decision: Decision, facts: Facts) -> list[str]:
    source, out = shlex.quote(facts.source), "runs/mine"
    window = f" --window {facts.best_size}" if facts.best_size != facts.size else ""
    judged = f" --queries {shlex.quote(facts.queries)}" if facts.queries else ""
    make, measure = f"embedtune generate {source} --out {out}{window}", f"embedtune eval {out}{judged}"
    if decision == "fix_chunking":
        return [make]
    if decision == "use_fusion":  # the cheapest training there is; it chooses the weight of the fusion
        return [make, f"embedtune train {out} --method pca", measure]
    if decision == "tune_query_side":
        return [make, f"embedtune train {out} --method query-lora", measure]
    if decision == "tune_fully":
        return [f"{make} --queries-from source", f"embedtune train {out} --method auto", measure]
    return [] if facts.queries else [f"embedtune advise {source} --queries YOUR-QUERIES/"]


def _is_worth(gain: Comparison, least: float) -> bool:
    """Return whether a gain is significant and not too small."""
    return gain.better and gain.difference >= least


def is_safe(gain: Comparison, least: float) -> bool:
    """Return whether a gain is likely not too small, and a loss as large is ruled out: enough for what costs nothing."""
    return gain.difference >= least and gain.low > -least


def _describe(gain: Comparison) -> str:
    range_ = f" (95 %: {interval(gain.ci95)})" if gain.ci95 else ""
    return f"{points(gain.difference)} points of nDCG@10, {gain.reference_mean:.3f} to {gain.mean:.3f}{range_}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
