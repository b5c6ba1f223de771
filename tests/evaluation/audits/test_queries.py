from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.evaluation.audits.impact import UNKNOWN
from embedtune.evaluation.audits.queries import (
    audit_equal_negatives,
    audit_leakage,
    audit_same_text,
    audit_unanswered,
    near_queries,
)
from embedtune.text.analyzer import lexical_terms
from embedtune.text.dedup import THRESHOLD
from embedtune.types import Query


def at(rank):
    return 1 / math.log2(1 + rank)


def run(**lists):
    return {query: {name: -float(rank) for rank, name in enumerate(ids)} for query, ids in lists.items()}


def test_no_doubles_cost_nothing():
    qrels = {"q": {"a": 1}}
    found = audit_same_text(qrels, qrels, {"base": run(q="ab")})
    assert (found.severity, found.n_affected, (found.score_impact, found.gain_impact), found.advice) == (
        "ok",
        0,
        UNKNOWN,
        None,
    )


def test_a_double_on_top_is_priced_for_score_and_gain():
    # base: the double A of the answer a on rank 1, a on rank 2; tuned: a, then A; r is as it is everywhere.
    qrels, shared = {"q": {"a": 1}, "r": {"b": 1}}, {"q": {"a": 1, "A": 1}, "r": {"b": 1}}
    runs = {"base": run(q="Aab", r="ba"), "tuned": run(q="axA", r="ba")}
    found = audit_same_text(qrels, shared, runs)
    ideal = at(1) + at(2)
    base = (1 - at(2)) / 2
    tuned = ((at(1) + at(3)) / ideal - 1) / 2
    assert found.n_affected == 1
    assert found.score_impact == pytest.approx(100 * base, abs=1e-3)
    assert found.gain_impact == pytest.approx(100 * (tuned - base), abs=1e-3)
    assert found.severity == "warn"
    assert "For 1 of 2 queries" in found.sentence and "changes by +18.45 points" in found.sentence


TEXTS = {"a": "Fill the tank.", "A": "fill  the tank", "b": "Rinse the bowl.", "c": "—", "d": "…"}


def test_an_answer_that_also_counts_as_wrong_is_ranked_once():
    # A and b stand before the answer a: rank 3; with a and A as one it is rank 1.
    found = audit_equal_negatives({"q": {"a": 1}}, {"base": run(q="Aba")}, TEXTS)
    assert found.n_affected == 1
    assert found.score_impact == pytest.approx(100 * (1 - at(3)), abs=1e-3)
    assert found.gain_impact is None


def test_a_tie_below_the_answer_costs_nothing_but_is_named():
    found = audit_equal_negatives({"q": {"a": 1, "A": 0}}, {"base": run(q="abA")}, TEXTS)
    assert (found.n_affected, found.score_impact, found.severity) == (1, 0.0, "note")


def test_equal_texts_that_are_judged_alike_are_no_defect():
    assert audit_equal_negatives({"q": {"a": 1, "A": 1}}, {"base": run(q="bA")}, TEXTS).severity == "ok"


def test_equal_texts_that_answer_nothing_are_no_defect():
    assert audit_equal_negatives({"q": {"b": 1}}, {"base": run(q="aAb")}, TEXTS).severity == "ok"


def test_texts_without_terms_equal_only_their_like():
    assert audit_equal_negatives({"q": {"c": 1}}, {"base": run(q="dc")}, TEXTS).severity == "ok"


def test_queries_without_an_answer_are_left_out():
    # q finds its answer, r's answer is not there: 0.5 → 1; tuned has q on rank 2.
    qrels = {"q": {"a": 1}, "r": {"gone": 1, "b": 0}}
    runs = {"base": run(q="ab", r="ba"), "tuned": run(q="ba", r="ba")}
    found = audit_unanswered(qrels, runs, {"a", "b"})
    assert found.n_affected == 1
    assert found.score_impact == 50.0
    assert found.gain_impact == pytest.approx(100 * ((at(2) - 1) - (at(2) - 1) / 2), abs=1e-3)
    assert found.sentence.startswith("1 of 2 queries have no answer in this corpus")


def test_of_partly_missing_answers_only_the_missing_go():
    # the ideal list had two answers, now one
    found = audit_unanswered({"q": {"a": 1, "gone": 1}}, {"base": run(q="a")}, {"a"})
    assert found.score_impact == pytest.approx(100 * (1 - at(1) / (at(1) + at(2))), abs=1e-3)
    assert "0 of 1 queries" in found.sentence and "1 more have" in found.sentence


def test_nothing_left_has_no_price():
    found = audit_unanswered({"q": {"gone": 1}}, {"base": run(q="a")}, {"a"})
    assert (found.severity, (found.score_impact, found.gain_impact)) == ("note", UNKNOWN)


def test_all_there():
    assert audit_unanswered({"q": {"a": 1}}, {"base": run(q="a")}, {"a"}).severity == "ok"


def queries(*texts, prefix="t"):
    return [Query(f"{prefix}{number}", text, "source") for number, text in enumerate(texts)]


def test_equal_but_for_case_order_and_punctuation():
    train = queries("how to fill the tank", "Rinse the bowl?")
    assert near_queries(queries("rinse THE bowl", "clean the bowl", prefix="q"), train) == {"q0": "t1"}


def test_four_terms_of_five_are_near_and_three_of_four_are_not():
    train = queries("fill the water tank", "a b c")
    assert near_queries(queries("fill the water tank now", "a b c d", prefix="q"), train) == {"q0": "t0"}


def test_the_most_alike_is_named():
    train = queries("a b c d e", "a b c d")
    assert near_queries(queries("a b c d", prefix="q"), train) == {"q0": "t1"}


def test_queries_without_terms_are_like_nothing():
    assert near_queries(queries("?", prefix="q"), queries("!")) == {}


words = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=6).map(" ".join)


@given(st.lists(words, max_size=4), st.lists(words, max_size=6), st.sampled_from([0.3, 0.5, THRESHOLD, 1.0]))
def test_no_near_query_is_missed(test, train, similarity):
    def alike(first, second):
        a, b = set(lexical_terms(first)), set(lexical_terms(second))
        return len(a & b) / len(a | b)

    expected = {f"q{number}" for number, text in enumerate(test) if any(alike(text, t) >= similarity for t in train)}
    assert near_queries(queries(*test, prefix="q"), queries(*train), similarity).keys() == expected


QRELS = {"q": {"a": 1}, "r": {"a": 1}, "s": {"a": 1}, "t": {"a": 1}}
SECOND = {"b": 2.0, "a": 1.0}
FIRST = {"a": 2.0, "b": 1.0}
BASE = dict.fromkeys(QRELS, SECOND)
STEP = 100 * (1 - 1 / math.log2(3))  # from rank 2 to rank 1, in points


def test_the_gain_without_what_training_saw():
    # tuned lifts q and r to rank 1; q was a training query: the gain falls from 2 of 4 steps to 1 of 3.
    runs = {"base": BASE, "tuned": {**BASE, "q": FIRST, "r": FIRST}}
    found = audit_leakage(QRELS, runs, {"q", "elsewhere"}, set())
    assert found.n_affected == 1
    assert found.gain_impact == pytest.approx(STEP / 3 - STEP / 2, abs=1e-3)
    assert found.severity == "warn"
    assert "Training saw 1 of 4 test queries" in found.sentence
    assert f"the gain is {STEP / 3:+.2f} points instead of {STEP / 2:+.2f}" in found.sentence


def test_a_query_seen_and_answered_counts_once():
    found = audit_leakage(QRELS, {"base": BASE, "tuned": BASE}, {"q"}, {"q", "r"})
    assert (found.n_affected, found.gain_impact, found.severity) == (2, 0.0, "note")


def test_answers_that_are_meant_to_be_trained_on_are_not_counted():
    found = audit_leakage(QRELS, {"base": BASE, "tuned": BASE}, set(), None)
    assert found.severity == "ok"
    assert "is meant here" in found.sentence


def test_a_base_alone_has_seen_nothing():
    found = audit_leakage(QRELS, {"base": {**BASE, "q": FIRST}}, {"q"}, set())
    assert (found.severity, found.gain_impact) == ("note", None)
    assert "no gain depends on them" in found.sentence


def test_a_test_that_is_all_training_shows_nothing():
    found = audit_leakage(QRELS, {"base": BASE, "tuned": BASE}, QRELS, set())
    assert (found.severity, (found.score_impact, found.gain_impact)) == ("warn", UNKNOWN)
    assert "shows nothing" in found.sentence
