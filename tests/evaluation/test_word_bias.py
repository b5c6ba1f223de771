from __future__ import annotations

import numpy as np
import pytest

from embedtune.evaluation.significance import compare
from embedtune.evaluation.verdict import judge_base
from embedtune.evaluation.word_bias import BIAS, are_extractive, bias_of, open_gains, without_word_bias
from embedtune.types import Query

PAIR = ("hybrid_base", "base")


def gain_of(points: float, pair: tuple[str, str] = PAIR, n_queries: int = 400):
    generator = np.random.default_rng(0)
    base = generator.uniform(0.2, 0.4, n_queries)
    scores = {
        name: {"ndcg@10": values, "recall@100": values}
        for name, values in ((pair[1], base), (pair[0], base + points / 100 + generator.normal(0, 0.05, n_queries)))
    }
    return compare(scores, [pair])


@pytest.mark.parametrize(
    ("system", "reference", "mean"),
    [
        ("hybrid_base", "base", BIAS["hybrid"].mean),
        ("hybrid_tuned", "base", BIAS["hybrid"].mean),
        ("tuned", "bm25", -BIAS["bm25"].mean),
        ("rerank_base", "bm25", BIAS["hybrid"].mean - BIAS["bm25"].mean),
    ],
)
def test_what_searches_for_words_is_favoured(system, reference, mean):
    assert bias_of(system, reference).mean == pytest.approx(mean)


@pytest.mark.parametrize("pair", [("tuned", "base"), ("hybrid_tuned", "hybrid_base"), ("rerank_base", "hybrid_base")])
def test_what_searches_for_words_alike_is_compared_as_it_is(pair):
    assert bias_of(*pair) is None


def test_vectors_that_hold_words_are_favoured_too():
    assert bias_of("tuned", "base", ["tuned"]) == BIAS["hybrid"]
    assert bias_of("hybrid_tuned", "tuned", ["tuned"]) is None


@pytest.mark.parametrize(("points", "better"), [(15, False), (30, False), (45, True)])
def test_fusion_is_better_only_by_more_than_the_bias(points, better):
    before = gain_of(points)
    after = without_word_bias(before)
    assert before[PAIR]["ndcg@10"].better
    assert after[PAIR]["ndcg@10"].better == better
    assert after[PAIR]["ndcg@10"].difference == before[PAIR]["ndcg@10"].difference
    assert after[PAIR]["recall@100"] == before[PAIR]["recall@100"]
    assert bool(open_gains(after)) != better


def test_nothing_is_worse_for_having_gained_less_than_the_bias():
    assert not without_word_bias(gain_of(5))[PAIR]["ndcg@10"].worse
    assert without_word_bias(gain_of(-5))[PAIR]["ndcg@10"].worse


def test_a_model_is_worse_than_bm25_only_by_more_than_the_bias():
    pair = ("tuned", "bm25")
    assert not without_word_bias(gain_of(-20, pair))[pair]["ndcg@10"].worse
    assert without_word_bias(gain_of(-70, pair))[pair]["ndcg@10"].worse


def test_the_verdict_names_the_bias():
    assert judge_base(without_word_bias(gain_of(15)), trained=False).decision == "do_not_ship"
    verdict = judge_base(without_word_bias(gain_of(45)), trained=False)
    assert verdict.decision == "use_fusion" and "favour hybrid_base by 26 ± 7" in verdict.reasons[0]


def test_queries_are_extractive_where_most_were_made_by_rules():
    made, asked = Query("1", "valve", "keyphrase"), Query("2", "valve?", "source")
    assert are_extractive([made, made, asked])
    assert not are_extractive([made, asked]) and not are_extractive([Query("3", "why?", "question")])
