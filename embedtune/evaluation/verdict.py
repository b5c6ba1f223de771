"""From comparisons to one of five answers, with the reasons in plain words.

========================  ==============================================================================================
``ship``                  tuned is better than base on the primary measure (p ≤ 0.05, interval above 0) and worse on no other;
                          where the untuned fusion beats both, the fusion with the tuned model must be better than it instead
``ship_query_side``       the same for a model whose documents need not be encoded again
``use_fusion``            the untuned fusion beats base and tuned, and tuning adds nothing significant to it
``do_not_ship``           tuned is worse, or the same, or its gain is significantly less than what matters
``inconclusive``          anything else, with the queries that are missing
========================  ==============================================================================================

``docs/verdict.md`` explains them and has the simulated error rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from embedtune.evaluation.points import evidence, interval, points
from embedtune.evaluation.significance import FEWEST_CLUSTERS, queries_needed
from embedtune.project.evaluation_records import Comparison, IndexRecord, Verdict

PRIMARY = "ndcg@10"
MIN_GAIN = 0.01
"""Smallest gain that is worth a change of model: one point."""

PAIRS = (
    ("tuned", "base"), ("hybrid_base", "base"), ("hybrid_base", "tuned"),
    ("hybrid_tuned", "hybrid_base"), ("hybrid_tuned", "tuned"),
)  # fmt: skip
Comparisons = Mapping[tuple[str, str], Mapping[str, Comparison]]
"""System and reference → measure → comparison, as ``compare`` returns them."""

SMALL_HEADROOM = 0.02
"""What a better order could gain, under which tuning is not worth a try."""

_SHIP = {"symmetric": "ship", "query_side": "ship_query_side"}


def judge(
    comparisons: Comparisons, *, method: str = "symmetric", primary: str = PRIMARY, clustered_by: str = "documents"
) -> Verdict:
    """Give the verdict on comparisons that were made before: those of ``PAIRS``, or of tuned and base alone.

    The primary measure, chosen before looking, decides; others can only speak against shipping. The method is ``symmetric``
    (documents are encoded with the tuned model) or ``query_side``. ``clustered_by`` names the clusters in the reasons.
    """
    if method not in _SHIP:
        raise ValueError(f"expected one of {sorted(_SHIP)} as method, found {method!r}")
    alone = comparisons["tuned", "base"]
    if alone[primary].n_clusters < FEWEST_CLUSTERS:
        return _too_few(alone[primary], clustered_by)
    fusions = [comparisons.get(("hybrid_base", reference)) for reference in ("base", "tuned")]
    if all(fusion and fusion[primary].better for fusion in fusions):
        return _fused_verdict(comparisons, _SHIP[method], primary)
    # What fusion would do, where it would do something.
    pairs = ("hybrid_tuned", "tuned"), ("hybrid_tuned", "hybrid_base"), ("hybrid_base", "base")
    advice = [
        f"With BM25: {_describe(comparisons[pair][primary])}."
        for pair in pairs
        if pair in comparisons and comparisons[pair][primary].better
    ]
    if _worth_shipping(alone, primary):
        return _verdict(_SHIP[method], [f"Ship the tuned model: {_describe(alone[primary])}.", *advice])
    if against := _reason_against(alone, primary):
        return _verdict("do_not_ship", [f"Keep the base model: {against}.", *advice])
    return _open_verdict(alone, primary, clustered_by, advice)


def judge_base(
    comparisons: Comparisons, *, trained: bool = True, why: str = "", clustered_by: str = "documents"
) -> Verdict:
    """Give the verdict without a tuned model: fusion can be worth it, and where nothing was trained yet, tuning too.

    ``trained`` is whether training shipped the base, and ``why`` it did; else nothing was trained yet.
    """
    cause = f"fell back to the base: {why}" if why else "fell back to the base"
    fusion = comparisons.get(("hybrid_base", "base"))
    if fusion and fusion[PRIMARY].n_clusters < FEWEST_CLUSTERS:
        return _too_few(fusion[PRIMARY], clustered_by)
    if fusion and fusion[PRIMARY].better:
        decision, first = "use_fusion", f"Use the base fused with BM25: {_describe(fusion[PRIMARY])}."
        more = [f"There is no tuned model: training {cause}."]
    else:
        decision, first = "do_not_ship", "Keep the base model."
        more = []
        if trained:
            first += f" Training already {cause}."
    return _verdict(decision, [first, *(more if trained else _headroom(fusion))])


def _headroom(fusion: Mapping[str, Comparison] | None) -> list[str]:
    """Say whether tuning is worth a try: whether the better of base and fusion finds answers that it ranks too low."""
    if not fusion:
        return []
    side, name = ("mean", "hybrid_base") if fusion[PRIMARY].difference > 0 else ("reference_mean", "base")
    now, found = (float(getattr(fusion[measure], side)) for measure in (PRIMARY, "recall@100"))
    figures = f"{name} has {now:.3f} {PRIMARY} and {found:.3f} recall@100"
    if found - now < SMALL_HEADROOM:
        return [f"Nothing has been trained yet, and tuning has little left to gain: {figures}."]
    return [
        f"Nothing has been trained yet. Tuning is worth a try: {figures}, so answers that it finds could rank higher."
    ]


def lexical_objection(comparisons: Comparisons) -> list[str]:
    """Say so where BM25 alone is better than everything that was compared with it; the decision is about models and stays."""
    against = [measures[PRIMARY] for (_, reference), measures in comparisons.items() if reference == "bm25"]
    if not against or not all(found.worse for found in against):
        return []
    return [f"But BM25 alone is better than any of these: {_describe(max(against, key=lambda found: found.mean))}."]


def index_objections(comparisons: Comparisons, indexes: Iterable[IndexRecord]) -> list[str]:
    """Say so where an approximate index loses more than tuning gained: who needs that index has nothing of the tuning."""
    reasons = []
    for index in indexes:
        gain, lost = (comparisons.get(pair) for pair in (("tuned", "base"), ("tuned", index.system)))
        if not gain or not lost or not 0 < gain[PRIMARY].difference <= lost[PRIMARY].difference:
            continue
        reasons.append(
            f"But {index.system} costs more than tuning gained: {_points(lost[PRIMARY].difference)} of {PRIMARY} of the "
            f"{_points(gain[PRIMARY].difference)}; it finds {index.recall_at_10:.1%} of the exact search's first ten. Search "
            f"more lists (nprobe=N) or candidates (efsearch=N), or rescore them (rflat)."
        )
    return reasons


def reranking_advice(comparisons: Comparisons, decision: str) -> list[str]:
    """Say so where late-interaction reranking is worth its time; the decision is about models, stays, and chooses the model.

    A fusion that reranking improves can still be no better than the model alone, which costs less: then that is said too.
    A fusion without significant improvement is worth reranking if only the reranked one is better than the model alone.
    """
    model = "tuned" if decision in _SHIP.values() else "base"
    fusion, alone = (comparisons.get((f"rerank_{model}", reference)) for reference in (f"hybrid_{model}", model))
    if fusion and fusion[PRIMARY].better:
        advice = f"Late-interaction reranking improves hybrid search, and makes queries slower: {_describe(fusion[PRIMARY])}."
        if alone and not alone[PRIMARY].better:
            outcome = "it loses" if alone[PRIMARY].worse else "the gain is not significant"
            figures = f"{points(alone[PRIMARY].difference)} points, {interval(alone[PRIMARY].ci95)}"
            advice += f" Over {model} alone {outcome} ({figures})."
        return [advice, *_objections(fusion, PRIMARY)]
    fused = comparisons.get((f"hybrid_{model}", model))
    if alone and alone[PRIMARY].better and not (fused and fused[PRIMARY].better):
        better = f"Hybrid search with late-interaction reranking is better than {model} alone"
        return [f"{better}, and slower: {_describe(alone[PRIMARY])}.", *_objections(alone, PRIMARY)]
    return []


def _too_few(found: Comparison, clustered_by: str) -> Verdict:
    """Say so without a figure: what a handful of queries shows is chance, whichever way it points."""
    queries = f"{found.n_queries} test quer{'y' if found.n_queries == 1 else 'ies'}"
    unit = clustered_by if found.n_clusters != 1 else clustered_by.removesuffix("s")
    return _verdict(
        "inconclusive",
        [
            f"Too few: {queries} about {found.n_clusters} {unit}, and a verdict needs {FEWEST_CLUSTERS} at least. "
            f"Use queries about more {clustered_by}."
        ],
    )


def _verdict(decision: str, reasons: list[str], more_queries: int | None = None) -> Verdict:
    return Verdict(decision=decision, reasons=reasons, more_queries=more_queries)


def _worth_shipping(measures: Mapping[str, Comparison], primary: str) -> bool:
    gain = measures[primary]
    return gain.better and gain.high >= MIN_GAIN and not _objections(measures, primary)


def _fused_verdict(comparisons: Comparisons, ship: str, primary: str) -> Verdict:
    """Judge tuning by what it adds to the fusion, as dense search alone is not what anyone should run here."""
    fusion, added = comparisons["hybrid_base", "base"][primary], comparisons["hybrid_tuned", "hybrid_base"]
    alone = f"Without fusion: {_describe(comparisons['tuned', 'base'][primary])}."
    if _worth_shipping(added, primary):
        first = f"Ship the tuned model and fuse it with BM25: {_describe(added[primary])}."
        return _verdict(ship, [first, f"Fusion alone does much of it: {_describe(fusion)}.", alone])
    reasons = [
        f"Use the base fused with BM25: {_describe(fusion)}.",
        f"Tuning the fusion too is not worth it: {_describe(added[primary])}.",
        *_objections(added, primary),
        alone,
    ]
    return _verdict("use_fusion", reasons)


def _reason_against(alone: Mapping[str, Comparison], primary: str) -> str | None:
    gain = alone[primary]
    if not any(comparison.n_changed for comparison in alone.values()):
        return f"the tuned model scores all {gain.n_queries} queries as the base does"
    if gain.worse:
        return f"the tuned model is worse: {_describe(gain)}"
    if gain.high < MIN_GAIN:
        return f"a gain of {_points(MIN_GAIN)} can be ruled out: {_describe(gain)}"
    return None


def _open_verdict(measures: Mapping[str, Comparison], primary: str, clustered_by: str, advice: list[str]) -> Verdict:
    gain, lost = measures[primary], _objections(measures, primary)
    if gain.better:
        return _verdict("inconclusive", [f"The measures disagree: {_describe(gain)}.", *lost, *advice])
    opening = (
        f"Not enough evidence: {points(gain.difference)} points of {gain.measure} measured ({gain.reference} "
        f"{gain.reference_mean:.3f}, {gain.system} {gain.mean:.3f}; p = {gain.p:.2g})"
    )
    opening += f", but anything from {interval(gain.ci95)} fits the data." if gain.ci95 else "."
    wanted = max(gain.difference, MIN_GAIN)
    more = queries_needed(wanted, gain.error, gain.n_queries)
    origin = f" from {gain.n_clusters} {clustered_by}" if gain.n_clusters < gain.n_queries else ""
    reasons = [
        opening,
        f"The smallest gain that {gain.n_queries} queries{origin} detect with 80 % power is {_points(gain.detectable)}.",
    ]
    if more:
        reasons.append(
            f"About {gain.n_queries + more:,} queries would be needed to detect a gain of {_points(wanted)} with 80 % power: "
            f"{more:,} more, from new {clustered_by}."
        )
    return _verdict("inconclusive", [*reasons, *lost, *advice], more or None)


def _objections(measures: Mapping[str, Comparison], primary: str) -> list[str]:
    """Name the other measures on which the system is worse, uncorrected: too careful costs less than harm."""
    return [
        f"But another measure is worse: {_describe(found)}."
        for name, found in measures.items()
        if name != primary and found.worse
    ]


def _describe(comparison: Comparison) -> str:
    difference = comparison.difference
    verb = "gains" if difference > 0 else "loses" if difference < 0 else "changes"
    bias = ""
    if comparison.word_bias:
        mean, spread = (100 * value for value in comparison.word_bias)
        favoured = comparison.system if mean > 0 else comparison.reference
        bias = f"; queries made from the text favour {favoured} by {abs(mean):.0f} ± {spread:.0f}"
    return (
        f"{comparison.system} {verb} {_points(abs(difference))} of {comparison.measure} over {comparison.reference} "
        f"({comparison.reference_mean:.3f} to {comparison.mean:.3f}; {evidence(comparison.ci95, comparison.p)}{bias})"
    )


def _points(value: float) -> str:
    return f"{100 * value:.1f} points"
