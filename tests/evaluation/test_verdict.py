from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from embedtune.evaluation import verdict as rules
from embedtune.evaluation.significance import compare
from embedtune.evaluation.verdict import PAIRS, index_objections, judge, judge_base, lexical_objection, reranking_advice
from embedtune.project.evaluation_records import IndexRecord
from tests.records import comparison

from .simulated import documents_of, rank_scores


def decide(scores, clusters=None, *, method="symmetric", **resampling):
    """Compare the systems and judge; a model that training did not ship is the base."""
    systems = {"tuned": scores["base"], **scores}
    if "hybrid_base" in systems:
        systems.setdefault("hybrid_tuned", systems["hybrid_base"])
    pairs = [pair for pair in PAIRS if set(pair) <= systems.keys()]
    return judge(compare(systems, pairs, clusters, **resampling), method=method)


def one(system: str, reference: str, difference: float, width: float, measure: str = "ndcg@10", n_changed: int = 40):
    """Return a comparison whose interval is ``difference`` ± ``width`` and whose p agrees with it."""
    p = 0.001 if abs(difference) > width else 0.4
    return comparison(
        system, reference, measure=measure, difference=difference, ci95=(difference - width, difference + width),
        error=width / 2, n_changed=n_changed, p=p, detectable=2.8 * width / 2,
    )  # fmt: skip


def table(tuned=0.0, fusion=None, fused=0.0, hits=0.0, fused_hits=0.0, width=0.02):
    """Return comparisons with these gains: tuned over base, fusion over base, tuned fusion over fusion; and of hit rates."""
    gains = {("tuned", "base"): (tuned, hits)}
    if fusion is not None:
        gains |= {
            ("hybrid_base", "base"): (fusion, 0.0),
            ("hybrid_base", "tuned"): (fusion - tuned, 0.0),
            ("hybrid_tuned", "hybrid_base"): (fused, fused_hits),
            ("hybrid_tuned", "tuned"): (fusion + fused - tuned, 0.0),
        }
    return {
        pair: {"ndcg@10": one(*pair, gain, width), "hit_rate@5": one(*pair, hit, width, "hit_rate@5")}
        for pair, (gain, hit) in gains.items()
    }


def test_clear_gain_is_shipped_with_its_figures():
    verdict = judge(table(tuned=0.05))
    assert (verdict.decision, verdict.more_queries) == ("ship", None)
    assert verdict.reasons == [
        "Ship the tuned model: tuned gains 5.0 points of ndcg@10 over base (0.500 to 0.550; 95 % interval +3.0 to +7.0, "
        "p = 0.001)."
    ]


def test_query_side_model_is_shipped_under_its_own_name():
    assert judge(table(tuned=0.05), method="query_side").decision == "ship_query_side"
    assert judge(table(tuned=0.05, fusion=0.1, fused=0.04), method="query_side").decision == "ship_query_side"
    assert judge(table(tuned=-0.05), method="query_side").decision == "do_not_ship"
    with pytest.raises(ValueError, match="symmetric"):
        judge(table(), method="other")


def test_gain_with_harm_elsewhere_is_open():
    verdict = judge(table(tuned=0.05, hits=-0.05))
    assert (verdict.decision, verdict.more_queries) == ("inconclusive", None)
    assert verdict.reasons[0].startswith("The measures disagree: tuned gains 5.0 points of ndcg@10")
    assert verdict.reasons[1].startswith("But another measure is worse: tuned loses 5.0 points of hit_rate@5")


def test_fusion_that_beats_both_is_used():
    verdict = judge(table(tuned=0.03, fusion=0.1))
    assert verdict.decision == "use_fusion"
    assert verdict.reasons[0].startswith("Use the base fused with BM25: hybrid_base gains 10.0 points")
    assert [reason.split(":")[0] for reason in verdict.reasons[1:]] == [
        "Tuning the fusion too is not worth it",
        "Without fusion",
    ]


def test_tuning_that_helps_fusion_too_is_shipped_and_fused():
    verdict = judge(table(tuned=0.03, fusion=0.1, fused=0.04))
    assert verdict.decision == "ship"
    assert verdict.reasons[0].startswith("Ship the tuned model and fuse it with BM25: hybrid_tuned gains 4.0 points")
    # harm to another measure of the fusion forbids it
    verdict = judge(table(tuned=0.03, fusion=0.1, fused=0.04, fused_hits=-0.05))
    assert verdict.decision == "use_fusion"
    assert verdict.reasons[2].startswith("But another measure is worse: hybrid_tuned loses 5.0 points of hit_rate@5")


def test_fusion_that_does_not_beat_tuned_decides_nothing():
    verdict = judge(table(tuned=0.05, fusion=0.06, fused=0.04))
    assert verdict.decision == "ship"
    assert [reason.split(" (")[0] for reason in verdict.reasons[1:]] == [
        "With BM25: hybrid_tuned gains 5.0 points of ndcg@10 over tuned",
        "With BM25: hybrid_tuned gains 4.0 points of ndcg@10 over hybrid_base",
        "With BM25: hybrid_base gains 6.0 points of ndcg@10 over base",
    ]


def test_loss_keeps_the_base():
    verdict = judge(table(tuned=-0.03))
    assert verdict.decision == "do_not_ship"
    assert verdict.reasons[0].startswith("Keep the base model: the tuned model is worse: tuned loses 3.0 points")


@pytest.mark.parametrize(("tuned", "width"), [(0.0, 0.005), (-0.002, 0.005), (0.004, 0.002)])
def test_gain_that_cannot_matter_keeps_the_base(tuned, width, monkeypatch):
    # the last one is surely above 0, and surely below a point
    verdict = judge(table(tuned=tuned, width=width))
    assert verdict.decision == "do_not_ship"
    assert verdict.reasons[0].startswith("Keep the base model: a gain of 1.0 points can be ruled out")
    monkeypatch.setattr(rules, "MIN_GAIN", 0.001)
    assert judge(table(tuned=tuned, width=width)).decision != "do_not_ship"


def test_what_cannot_be_told_says_how_many_queries_are_missing():
    verdict = judge(table(tuned=0.015))
    # error 0.01: 300 · (2.8 · 0.01 / 0.015)² queries in all
    assert (verdict.decision, verdict.more_queries) == ("inconclusive", 747)
    assert [reason.split(":")[0] for reason in verdict.reasons] == [
        "Not enough evidence",
        "The smallest gain that 300 queries from 60 documents detect with 80 % power is 2.8 points.",
        "About 1,047 queries would be needed to detect a gain of 1.5 points with 80 % power",
    ]
    # smaller gains than those that matter need not be shown
    assert judge(table(tuned=-0.005)).more_queries == judge(table(tuned=0.01)).more_queries == 2055


def test_harm_is_told_where_the_gain_is_open_too():
    verdict = judge(table(tuned=0.015, hits=-0.05))
    assert verdict.decision == "inconclusive"
    assert "But another measure is worse: tuned loses 5.0 points of hit_rate@5" in " ".join(verdict.reasons)


def test_reasons_name_what_queries_were_grouped_by():
    open_case = table(tuned=0.015)
    assert "from 60 sections detect" in judge(open_case, clustered_by="sections").reasons[1]
    independent = {
        pair: {name: found.model_copy(update={"n_clusters": 300}) for name, found in measures.items()}
        for pair, measures in open_case.items()
    }
    assert "that 300 queries detect" in judge(independent).reasons[1]


def test_a_handful_of_documents_shows_nothing():
    base = np.tile([0.2, 0.4], 50)
    found = {"base": {"ndcg@10": base}, "tuned": {"ndcg@10": base + 0.3}}
    documents = np.arange(100) // 20
    verdict = decide(found, documents)
    assert (verdict.decision, verdict.more_queries) == ("inconclusive", None)
    assert verdict.reasons == [
        "Too few: 100 test queries about 5 documents, and a verdict needs 6 at least. Use queries about more documents."
    ]
    assert decide(found, np.arange(100) // 16).decision == "ship"  # seven


def scores(generator: np.random.Generator, documents: np.ndarray, names: tuple[str, ...], shift: float = 0.0):
    """Return exchangeable systems; the second may rank better."""
    found = {}
    for pair in range(0, len(names), 2):
        for name, row in zip(names[pair : pair + 2], rank_scores(1, documents, generator)[:, 0], strict=False):
            found[name] = {"ndcg@10": row, "hit_rate@5": (row >= 0.2).astype(float)}
    found["tuned"] = {name: np.minimum(1, row + shift) for name, row in found["tuned"].items()}
    return found


def test_identical_models_are_not_shipped():
    generator = np.random.default_rng(0)
    documents = documents_of(30, generator)
    same = scores(generator, documents, ("base", "tuned"))
    same["tuned"] = same["base"]
    verdict = decide(same, documents)
    n = len(documents)
    assert verdict.decision == "do_not_ship"
    assert verdict.reasons == [f"Keep the base model: the tuned model scores all {n} queries as the base does."]
    # a model that training did not ship is the base
    assert decide({"base": same["base"]}, documents) == verdict


def test_fusion_is_judged_without_a_tuned_model():
    base = {"ndcg@10": np.tile([0.0, 0.5, 0.5, 1.0], 50)}
    verdict = decide({"base": base, "hybrid_base": {"ndcg@10": np.minimum(1, base["ndcg@10"] + 0.2)}})
    assert verdict.decision == "use_fusion"


def test_decide_is_judge_on_compared_scores():
    generator = np.random.default_rng(1)
    documents = documents_of(80, generator)
    found = scores(generator, documents, ("base", "tuned"), shift=0.1)
    assert decide(found, documents).decision == "ship"
    assert decide(found, documents, method="query_side").decision == "ship_query_side"
    assert decide(found, documents) == decide(found, documents)
    assert [pair for pair in PAIRS if "hybrid_base" not in pair and "hybrid_tuned" not in pair] == [("tuned", "base")]


def test_without_a_gain_shipping_is_rare():
    generator = np.random.default_rng(2)
    decisions = []
    for repetition in range(150):
        documents = documents_of(40, generator)
        found = scores(generator, documents, ("base", "tuned"))
        decisions.append(decide(found, documents, n_resamples=500, seed=repetition).decision)
    # 2.5 % expected; 5 % are 7.5 of 150
    assert decisions.count("ship") <= 8


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_queries_give_no_verdict_even_where_nothing_changes(n):
    same = {"ndcg@10": np.linspace(0, 1, n)}
    verdict = decide({"base": same, "tuned": same})
    assert (verdict.decision, verdict.reasons[0][:8]) == ("inconclusive", "Too few:")
    better = {"ndcg@10": np.minimum(1, same["ndcg@10"] + 0.3)}
    compared = compare({"base": same, "hybrid_base": better}, [("hybrid_base", "base")], None)
    assert judge_base(compared).reasons[0].startswith("Too few:")
    assert compared["hybrid_base", "base"]["ndcg@10"].ci95 is None


@pytest.mark.parametrize("n_simulations", [150, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_noise_alone_is_rarely_firm_and_never_below_six_documents(n_simulations):
    generator = np.random.default_rng(20)
    firm = 0
    for seed in range(n_simulations):
        n_documents = int(generator.integers(1, 21))
        documents = np.sort(generator.integers(0, n_documents, int(generator.integers(1, 61))))
        documents = np.unique(documents, return_inverse=True)[1]
        found = scores(generator, documents, ("base", "tuned", "hybrid_base", "hybrid_tuned"))
        changed = not np.array_equal(found["base"]["ndcg@10"], found["tuned"]["ndcg@10"])
        decision = decide(found, documents, n_resamples=500, seed=seed).decision
        is_firm = decision != "inconclusive"
        assert not (is_firm and documents.max() + 1 < 6)
        firm += is_firm and changed  # that two are equal is no noise
    assert firm <= 0.05 * n_simulations + 2


@pytest.mark.parametrize("seed", range(20))
def test_two_seeds_of_one_training_are_not_shipped_against_each_other(seed):
    """Both gained over a base that neither is compared with; what is left between them is noise of the seed."""
    generator = np.random.default_rng([7, seed])
    documents = documents_of(60, generator)
    found = scores(generator, documents, ("base", "tuned"))
    assert decide(found, documents, n_resamples=2000).decision != "ship"


@pytest.mark.slow
@pytest.mark.parametrize("n_documents", [20, 60, 200])
@pytest.mark.parametrize("names", [("base", "tuned"), ("base", "tuned", "hybrid_base", "hybrid_tuned")])
def test_ship_is_wrong_at_most_once_in_twenty(n_documents, names):
    generator = np.random.default_rng([n_documents, len(names)])
    decisions: Counter[str] = Counter()
    for repetition in range(1000):
        documents = documents_of(n_documents, generator)
        found = scores(generator, documents, names)
        decisions[decide(found, documents, n_resamples=999, seed=repetition).decision] += 1
    assert decisions["ship"] <= 35  # 2.5 % and two standard errors


def test_a_shipped_base_can_still_be_worth_fusing():
    fusion = {("hybrid_base", "base"): {"ndcg@10": one("hybrid_base", "base", 0.05, 0.02)}}
    verdict = judge_base(fusion)
    assert verdict.decision == "use_fusion"
    assert "no tuned model" in verdict.reasons[1]
    small = {("hybrid_base", "base"): {"ndcg@10": one("hybrid_base", "base", 0.01, 0.02)}}
    assert judge_base(small).decision == judge_base({}).decision == "do_not_ship"
    assert "fell back to the base: lora is worse." in judge_base({}, why="lora is worse").reasons[0]


def test_bm25_that_beats_everything_is_named_with_the_best_of_the_others():
    against = {
        (system, "bm25"): {"ndcg@10": one(system, "bm25", loss, 0.02)}
        for system, loss in (("tuned", -0.3), ("hybrid_base", -0.05))
    }
    (reason,) = lexical_objection(against)
    assert "hybrid_base loses 5.0 points of ndcg@10 over bm25" in reason
    assert lexical_objection(against | {("base", "bm25"): {"ndcg@10": one("base", "bm25", -0.01, 0.02)}}) == []
    assert lexical_objection(table(tuned=0.05)) == []


def test_reranking_is_advised_of_the_model_that_is_used():
    pairs = ("rerank_tuned", "hybrid_tuned"), ("rerank_base", "hybrid_base")
    found = {pair: {"ndcg@10": one(*pair, 0.05, 0.02), "mrr@10": one(*pair, -0.05, 0.02, "mrr@10")} for pair in pairs}
    advice, objection = reranking_advice(found, "ship")
    assert "rerank_tuned gains 5.0 points of ndcg@10 over hybrid_tuned" in advice
    assert "rerank_tuned loses 5.0 points of mrr@10" in objection
    for decision in ("use_fusion", "do_not_ship", "inconclusive"):
        assert "rerank_base gains 5.0 points" in reranking_advice(found, decision)[0]


def test_reranking_that_gains_nothing_is_not_advised():
    pair = ("rerank_base", "hybrid_base")
    assert reranking_advice({pair: {"ndcg@10": one(*pair, 0.01, 0.02)}}, "use_fusion") == []
    assert reranking_advice(table(tuned=0.05), "ship") == []


def reranked(over_fusion, over_model, fusion=0.0):
    gains = {
        ("rerank_base", "hybrid_base"): over_fusion,
        ("rerank_base", "base"): over_model,
        ("hybrid_base", "base"): fusion,
    }
    found = {pair: {"ndcg@10": one(*pair, gain, 0.02)} for pair, gain in gains.items()}
    return reranking_advice(found, "do_not_ship")


def test_reranking_that_only_mends_what_fusion_spoils_is_told_as_that():
    (adds,) = reranked(0.05, 0.01, fusion=-0.04)
    assert adds.startswith("Late-interaction reranking improves hybrid search")
    assert adds.endswith("Over base alone the gain is not significant (+1.0 points, -1.0 to +3.0).")
    assert "Over base alone it loses (-5.0 points" in reranked(0.05, -0.05, fusion=-0.1)[0]
    assert "alone" not in reranked(0.05, 0.08)[0]


def test_reranking_is_advised_where_only_with_it_fusion_beats_the_model():
    (advice,) = reranked(0.02, 0.05, fusion=0.01)
    assert advice.startswith(
        "Hybrid search with late-interaction reranking is better than base alone, and slower: rerank_base gains 5.0"
    )
    assert reranked(0.01, 0.06, fusion=0.05) == []


@pytest.mark.parametrize(("gain", "cost", "is_told"), [(0.02, 0.03, True), (0.02, 0.01, False), (-0.01, 0.03, False)])
def test_an_index_that_costs_more_than_tuning_gained_is_named(gain, cost, is_told):
    index = IndexRecord(system="tuned:ivf64,pq8", recall_at_10=0.613, n_bytes=1, flat_bytes=9)
    pair = ("tuned", index.system)
    reasons = index_objections(table(tuned=gain) | {pair: {"ndcg@10": one(*pair, cost, 0.02)}}, [index])
    assert bool(reasons) == is_told
    if is_told:
        assert "tuned:ivf64,pq8 costs more than tuning gained: 3.0 points of ndcg@10 of the 2.0 points" in reasons[0]
        assert "61.3% of the exact search's first ten" in reasons[0]
    assert index_objections({pair: {"ndcg@10": one(*pair, cost, 0.02)}}, [index]) == []
