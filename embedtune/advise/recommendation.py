"""From measurements to one recommendation: a pure function, whose rules are explained in ``docs/advise.md``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from embedtune.advise.result import Decision, Recommendation
from embedtune.evaluation.points import interval, points
from embedtune.evaluation.verdict import MIN_GAIN, SMALL_HEADROOM
from embedtune.project.evaluation_records import Comparison
from embedtune.systems import System

MIN_SYNTHETIC_TUNING_GAIN = 0.02
"""``MIN_GAIN`` of tuning with synthetic queries, where an adapter gains up to a point whether or not it helps people."""

LARGE_HEADROOM = 0.05
"""Headroom from which tuning on human judgements is worth a try."""

MIN_LABELLED = 500
"""Judged train queries from which both encoders can learn what people ask."""

FEW_QUERIES = 50
"""Evaluation queries below which the advice is marked as weak."""


@dataclass(frozen=True)
class Facts:
    """Input of the rules."""

    source: str  # as the user named it, for the command
    synthetic: bool  # whether the evaluation queries were made from the text by rules
    queries: str | None  # folder of people's queries, for the command; None if they are synthetic
    n_queries: int  # evaluation queries
    share_lost: float  # share of the tokens of documents, or of ready-made passages, beyond the model's window
    ready_made: bool  # whether the source came in passages
    size: int  # chunk size by the settings, in tokens
    best_size: int  # the recommended size
    # Gain of that over the present practice: ready-made passages truncated, documents cut to size; None if it is the
    # present practice
    chunking: Comparison | None
    fusion: Comparison  # fusion with BM25 compared with the base
    fusion_over_bm25: Comparison  # the same compared with BM25
    lexical: Comparison  # BM25 compared with the base
    best: Comparison | None  # the highest row of the table compared with its reference; None if that is the base
    # Linear query adapter compared with the base, or both in fusion if that is recommended; None if not tried
    tuning: Comparison | None
    headroom: float  # gain of a perfect order of the top 100 over the better of base and fusion
    n_labelled: int  # judged train queries of the source


_SENTENCES: dict[Decision, str] = {
    "fix_chunking": "Fix the chunking first: embed chunks of {size} tokens.",
    "use_fusion": "Fuse the base model with BM25; do not tune yet.",
    "use_bm25": "Search with BM25 alone: the base model adds nothing to it.",
    "tune_query_side": "Tune the query encoder; document embeddings and their index stay unchanged.",
    "tune_fully": "Tune both encoders on your own judged queries, and select the method on dev.",
    "leave": "Change nothing: use the base model, without fusion or tuning.",
}


_NOT_RECOMMENDED = {
    "rrf_base": "It is fusion by ranks, which has no weight to choose; `eval` shows both.",
    "base_pca": "It depends on the sample; `train --method pca` tries it on the whole corpus.",
    "hybrid_query_adapter": "The adapter was fitted to few queries; `train` decides on dev whether one is worth it.",
}
"""Rows of the table that are never the first step, and why."""


def recommend(facts: Facts) -> Recommendation:
    """Return the recommendation.

    Of the steps without training (chunking, fusion), the larger gain comes first. Tuning comes first only if neither gains
    anything, and the query side before both sides, because it needs no new index. BM25 takes the place of fusion where
    people's queries show that the base makes it worse.
    """
    free: list[tuple[float, Decision]] = []
    if facts.chunking and _is_significant(facts.chunking, MIN_GAIN):
        free.append((facts.chunking.difference, "fix_chunking"))
    if _is_bm25_enough(facts):
        free.append((facts.lexical.difference, "use_bm25"))
    elif is_safe(facts.fusion, MIN_GAIN):
        free.append((facts.fusion.difference, "use_fusion"))
    steps: list[Decision] = [decision for _, decision in sorted(free, key=lambda step: -step[0])]
    steps += _tuning(facts)
    decision, *then = steps or ["leave"]
    return Recommendation(
        decision=decision,
        sentence=_SENTENCES[decision].format(size=facts.best_size),
        reasons=[_reason(step, facts) for step in (decision, *then)] + _reasons_against_others(facts, steps),
        then=then,
        commands=_commands(decision, facts),
        weak=_weaknesses(facts),
    )


def _is_bm25_enough(facts: Facts) -> bool:
    """Return whether BM25 is better than the base and than both fused; synthetic queries cannot tell."""
    return not facts.synthetic and _is_significant(facts.lexical, MIN_GAIN) and facts.fusion_over_bm25.worse


def _tuning(facts: Facts) -> list[Decision]:
    if facts.headroom < SMALL_HEADROOM:
        return []
    if facts.tuning and _is_significant(facts.tuning, MIN_SYNTHETIC_TUNING_GAIN if facts.synthetic else MIN_GAIN):
        return ["tune_query_side"]
    if facts.n_labelled >= MIN_LABELLED and facts.headroom >= LARGE_HEADROOM:
        return ["tune_fully"]
    return []


def _reason(step: Decision, facts: Facts) -> str:
    """Return why a step is worth doing, or for ``leave`` why none is."""
    if step == "fix_chunking" and facts.chunking:
        now = (
            f"now {facts.share_lost:.0%} of the tokens are cut off"
            if facts.ready_made
            else f"the settings say {facts.size}"
        )
        return f"Chunks of {facts.best_size} tokens: {_describe(facts.chunking)}; {now}."
    if step == "use_fusion":
        return f"Fusion with BM25: {_describe(facts.fusion)}. It needs no training and no new index."
    if step == "use_bm25":
        fused = f"fused with the base it has {_describe(facts.fusion_over_bm25)}"
        return f"BM25: {_describe(facts.lexical)}; {fused}. A base that reads these texts may change that."
    if step == "tune_query_side" and facts.tuning:
        return f"A linear query adapter, fitted in seconds: {_describe(facts.tuning)}; an adapter usually gains more."
    if step == "tune_fully":
        return (
            f"The source has {facts.n_labelled:,} judged train queries, and a perfect ranking of the top 100 would "
            f"gain {_points(facts.headroom)}."
        )
    return f"No significant gain of {_points(MIN_GAIN)} or more was measured."


def _reasons_against_others(facts: Facts, steps: list[Decision]) -> list[str]:
    reasons = []
    if "use_fusion" not in steps:
        reasons.append(f"Fusion with BM25: {_describe(facts.fusion)}.")
    elif facts.fusion_over_bm25.difference < 0 or not facts.fusion_over_bm25.better:
        flattered = "; synthetic queries favour BM25" if facts.synthetic else ""
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
    if facts.best and facts.best.system in _NOT_RECOMMENDED:
        label = System.parse(facts.best.system).label
        reasons.append(
            f"Highest in the table is {label}: {_describe(facts.best)}. {_NOT_RECOMMENDED[facts.best.system]}"
        )
    if not steps and facts.headroom >= LARGE_HEADROOM:
        reasons.append(
            f"There is room ({_points(facts.headroom)} with a perfect ranking), but no evidence that tuning would gain it; "
            "judged queries of your users would show it."
        )
    return reasons


def _weaknesses(facts: Facts) -> list[str]:
    reasons = []
    if facts.synthetic:
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
    if decision in ("use_fusion", "use_bm25"):  # without a model, eval measures what needs none
        return [make, measure]
    if decision == "tune_query_side":
        return [make, f"embedtune train {out} --method query-lora", measure]
    if decision == "tune_fully":
        return [f"{make} --queries-from source", f"embedtune train {out} --method auto", measure]
    return [] if facts.queries else [f"embedtune advise {source} --queries YOUR-QUERIES/"]


def _is_significant(gain: Comparison, least: float) -> bool:
    return gain.better and gain.difference >= least


def is_safe(gain: Comparison, least: float) -> bool:
    """Return whether a gain is large enough, and a loss as large is ruled out: enough for a change that costs nothing."""
    return gain.difference >= least and gain.low > -least


def _describe(gain: Comparison) -> str:
    range_ = f" (95 %: {interval(gain.ci95)})" if gain.ci95 else ""
    return f"{points(gain.difference)} points of nDCG@10, {gain.reference_mean:.3f} to {gain.mean:.3f}{range_}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
