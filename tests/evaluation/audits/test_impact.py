from __future__ import annotations

import math

import pytest

from embedtune.evaluation.audits.impact import UNKNOWN, Impact, describe, gain, impact_of, points, score, severity_of

RUNS = {"base": {"q": {"a": 2.0, "b": 1.0}}, "tuned": {"q": {"b": 2.0, "a": 1.0}}}
SECOND = 1 / math.log2(3)  # nDCG@10 of an answer on rank 2


def test_scores_are_the_primary_measure_of_each_query():
    assert score({"q": {"a": 1}}, RUNS) == {"base": {"q": 1.0}, "tuned": {"q": pytest.approx(SECOND)}}


def test_a_price_is_mended_minus_as_it_is_in_points():
    before, after = {"base": {"q": 0.5}, "tuned": {"q": 0.75}}, {"base": {"q": 0.75}, "tuned": {"q": 0.875}}
    assert (gain(before), gain(after)) == (0.25, 0.125)
    assert impact_of(before, after) == Impact(25.0, -12.5)


def test_without_a_tuned_model_there_is_no_gain():
    assert impact_of({"base": {"q": 0.5}}, {"base": {"q": 0.25}}) == Impact(-25.0, None)


def test_where_no_query_is_left_the_price_is_unknown():
    assert impact_of({"base": {"q": 0.5}}, {"base": {}}) == UNKNOWN


@pytest.mark.parametrize(
    ("n_affected", "found", "severity"),
    [
        (0, Impact(None, None), "ok"),
        (3, Impact(0.9, -0.9), "note"),
        (3, Impact(0.0, -1.0), "warn"),
        (3, Impact(1.0, None), "warn"),
        (3, UNKNOWN, "note"),
    ],
)
def test_a_point_is_worth_a_warning(n_affected, found, severity):
    assert severity_of(n_affected, found) == severity


def test_prices_in_words():
    assert describe(UNKNOWN) == "the effect of that is unknown"
    assert describe(Impact(-0.25, None)) == "the base's ndcg@10 changes by -0.25 points"
    assert describe(Impact(2.0, 0.0)) == "the base's ndcg@10 changes by +2.00 points and the gain by +0.00"
    assert str(points(-1e-12)) == "0.0"
