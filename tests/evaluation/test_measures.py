from __future__ import annotations

import math

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedtune.errors import ConfigError
from embedtune.evaluation.measures import MEASURES, check_measures, means, per_query

THEIRS = ("Success@1", "Success@3", "Success@5", "Success@10", "RR@10", "nDCG@10", "R@100")

PASSAGES = [f"p{number}" for number in range(14)]
# whole numbers, so that ties are frequent and single precision is exact
scores = st.dictionaries(st.sampled_from(PASSAGES), st.integers(0, 4).map(float), max_size=14)
grades = st.dictionaries(st.sampled_from(PASSAGES), st.integers(-1, 3), max_size=5)
queries = st.sampled_from(["q1", "q2", "q3", "q4"])


def score_plainly(judged: dict[str, int], found: dict[str, float]) -> dict[str, float]:
    gains = [max(0, judged.get(name, 0)) for name in sorted(found, key=lambda name: (found[name], name), reverse=True)]
    rising = [max(0, judged.get(name, 0)) for name in sorted(found, key=lambda name: (-found[name], name))]
    ideal = sorted((max(0, grade) for grade in judged.values()), reverse=True)
    relevant = sum(grade > 0 for grade in ideal)
    first, first_rising = (
        next((rank for rank, gain in enumerate(row, start=1) if gain), math.inf) for row in (gains, rising)
    )

    def discounted(values: list[int]) -> float:
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(values[:10], start=1))

    return {
        **{f"hit_rate@{k}": float(first <= k) for k in (1, 3, 5, 10)},
        # the one measure whose provider breaks ties by rising id
        "mrr@10": 1 / first_rising if first_rising <= 10 else 0.0,
        "ndcg@10": discounted(gains) / discounted(ideal) if relevant else 0.0,
        "recall@100": sum(gain > 0 for gain in gains[:100]) / relevant if relevant else 0.0,
    }


def check(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> None:
    values = per_query(qrels, run)
    assert tuple(values) == MEASURES
    for query_id, judged in qrels.items():
        found = {name: scores[query_id] for name, scores in values.items()}
        assert found == pytest.approx(score_plainly(judged, run.get(query_id, {})), rel=0, abs=1e-9)


@given(qrels=st.dictionaries(queries, grades, max_size=4), run=st.dictionaries(queries, scores, max_size=4))
def test_measures_equal_the_plain_formulas_with_ties_and_missing_queries(qrels, run):
    check(qrels, run)


@pytest.mark.slow
@settings(max_examples=1000)
@given(qrels=st.dictionaries(queries, grades, max_size=4), run=st.dictionaries(queries, scores, max_size=4))
def test_measures_equal_the_plain_formulas_in_a_thousand_cases(qrels, run):
    check(qrels, run)


@given(qrels=st.dictionaries(queries, grades, max_size=4), order=st.permutations(PASSAGES), n=st.integers(1, 14))
def test_measures_equal_the_plain_formulas_without_ties(qrels, order, n):
    run = {query_id: {name: float(-rank) for rank, name in enumerate(order[:n])} for query_id in ("q1", "q2")}
    check(qrels, run)


@given(qrels=st.dictionaries(queries, grades, max_size=4), run=st.dictionaries(queries, scores, max_size=4))
def test_values_are_those_of_ir_measures(qrels, run):
    names = {ir_measures.parse_measure(theirs): ours for ours, theirs in zip(MEASURES, THEIRS, strict=True)}
    assert len(names) == 7
    expected = {ours: dict.fromkeys(qrels, 0.0) for ours in MEASURES}
    for metric in ir_measures.iter_calc(list(names), qrels, run):
        expected[names[metric.measure]][metric.query_id] = metric.value
    found = per_query(qrels, run)
    assert found == expected
    assert [list(values) for values in found.values()] == [list(qrels)] * 7


def test_reciprocal_rank_alone_breaks_ties_by_rising_id():
    values = per_query({"q": {"a": 1}}, {"q": {"a": 1.0, "b": 1.0}})
    assert (values["hit_rate@1"]["q"], values["mrr@10"]["q"]) == (0.0, 1.0)
    values = per_query({"q": {"b": 1}}, {"q": {"a": 1.0, "b": 1.0}})
    assert (values["hit_rate@1"]["q"], values["mrr@10"]["q"]) == (1.0, 0.5)


def test_measures_by_hand():
    qrels = {"q": {"a": 2, "b": 1, "x": 1}}
    run = {"q": {"c": 0.9, "a": 0.8, "d": 0.7, "b": 0.6}}
    values = {name: scores["q"] for name, scores in per_query(qrels, run).items()}
    gain = 2 / math.log2(3) + 1 / math.log2(5)
    best = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert values == pytest.approx(
        {
            "hit_rate@1": 0, "hit_rate@3": 1, "hit_rate@5": 1, "hit_rate@10": 1,
            "mrr@10": 1 / 2, "ndcg@10": gain / best, "recall@100": 2 / 3,
        }
    )  # fmt: skip


def test_equal_scores_are_ranked_by_falling_id():
    qrels = {"q": {"a": 1}, "r": {"b": 1}}
    run = {query: {"a": 0.5, "b": 0.5} for query in qrels}
    assert per_query(qrels, run)["hit_rate@1"] == {"q": 0.0, "r": 1.0}


def test_cut_off_at_ten_and_at_a_hundred():
    run = {"q": {f"p{number:03d}": 1000.0 - number for number in range(150)}}
    values = per_query({"q": {"p010": 1, "p099": 1, "p100": 1}}, run)
    found = {name: scores["q"] for name, scores in values.items()}
    assert found == pytest.approx({**dict.fromkeys(MEASURES, 0.0), "recall@100": 2 / 3})


def test_grade_of_zero_is_not_relevant():
    values = per_query({"q": {"a": 0, "b": 1}}, {"q": {"a": 0.9, "b": 0.1}})
    assert (values["hit_rate@1"]["q"], values["mrr@10"]["q"], values["recall@100"]["q"]) == (0, 0.5, 1)


@pytest.mark.parametrize("run", [{}, {"q": {}}, {"q": {}, "r": {}}, {"other": {"a": 1.0}}])
def test_query_that_the_run_misses_counts_zero(run):
    values = per_query({"q": {"a": 1}, "r": {"b": 1}}, run)
    assert values == {name: {"q": 0.0, "r": 0.0} for name in MEASURES}


def test_query_without_a_relevant_passage_counts_zero():
    values = per_query({"q": {"a": 0}, "r": {}}, {"q": {"a": 1.0}, "r": {"a": 1.0}})
    assert values == {name: {"q": 0.0, "r": 0.0} for name in MEASURES}


def test_query_that_was_not_judged_is_left_out():
    values = per_query({"q": {"a": 1}}, {"q": {"a": 1.0}, "other": {"a": 1.0}})
    assert values == {name: {"q": 1.0} for name in MEASURES}


def test_queries_keep_the_order_of_the_qrels():
    values = per_query({"q2": {"a": 1}, "q10": {"a": 1}, "q1": {"a": 1}}, {"q1": {"a": 1.0}, "q2": {"a": 1.0}})
    assert {tuple(scores) for scores in values.values()} == {("q2", "q10", "q1")}


def test_means_are_over_all_judged_queries():
    assert means({"mrr@10": {"q": 1.0, "r": 0.5, "s": 0.0}, "ndcg@10": {"q": 0.25}}) == {"mrr@10": 0.5, "ndcg@10": 0.25}


def test_mean_of_no_queries_is_zero():
    assert means(per_query({}, {"q": {"a": 1.0}})) == dict.fromkeys(MEASURES, 0.0)


def test_any_measure_of_ir_measures_can_be_asked_for():
    qrels, run = {"q": {"a": 2, "c": 1}}, {"q": {"b": 3.0, "a": 2.0}}
    values = per_query(qrels, run, ["P@5", "AP", "RR@10", "P(rel=2)@5", "map", "nDCG@10", "ndcg@10"])
    found = {name: scores["q"] for name, scores in values.items()}
    assert found == pytest.approx(
        {
            "P@5": 0.2, "AP": 0.25, "RR@10": 0.5, "P(rel=2)@5": 0.2, "map": 0.25,
            "nDCG@10": found["ndcg@10"], "ndcg@10": found["ndcg@10"],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ndgc@10", "did you mean 'ndcg@10'"),
        ("hitrate@5", "did you mean 'hit_rate@5'"),
        ("Precison@3", "did you mean 'precision@3'"),
        ("ndcg@ten", "found 'ndcg@ten'"),
        ("", "found ''"),
        ("RBP", "can compute here"),
    ],
)
def test_unknown_measure_names_the_one_that_was_meant(name, words):
    with pytest.raises(ConfigError, match=words):
        per_query({}, {}, [name])


def test_cutoff_beyond_the_runs_is_refused():
    check_measures(["recall@100", "AP", "P@5"], depth=100)
    with pytest.raises(ConfigError, match=r"at most 100.*found 'recall@1000'") as caught:
        check_measures(["recall@1000"], depth=100)
    assert caught.value.hint == "set depth to 1000 or more"


@pytest.mark.parametrize("grades", [{"a": -2}, {"a": -1, "b": 1}, {"a": -2, "b": -3}])
def test_negative_grades_count_as_not_relevant(grades):
    """pytrec_eval ends the process where the highest grade is -2."""
    clipped = {name: max(0, grade) for name, grade in grades.items()}
    run = {"q": {"a": 2.0, "b": 1.0}}
    assert per_query({"q": grades}, run) == per_query({"q": clipped}, run)
