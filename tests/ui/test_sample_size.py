import numpy as np
import pytest

from embedtune.evaluation.significance import POWER
from embedtune.ui.sample_size import FEWEST, GAINS, count, needed, sentence


def test_judged_queries_are_counted_and_those_without_an_answer():
    assert count({"a": {"p": 1}, "b": {"p": 0, "r": 0}}) == (2, 1)


def test_too_few_tell_nothing():
    assert needed([0.1] * (FEWEST - 1)) is None
    assert (
        sentence({"a": {"p": 1}}, None, borrowed=True) == "1 query judged. After 10 it can be told how many are needed."
    )


def test_so_many_queries_show_the_gain_four_times_in_five():
    random = np.random.default_rng(0)
    spread = random.normal(0, 0.2, 4000)
    plan = needed(list(spread))
    assert plan[GAINS[0]] == pytest.approx((2.8 * 0.2 / GAINS[0]) ** 2, rel=0.06)
    n = plan[GAINS[0]]
    samples = random.normal(GAINS[0], 0.2, (4000, n))
    shown = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / n**0.5) > 1.96
    assert shown.mean() == pytest.approx(POWER, abs=0.03)


def test_the_plan_is_the_same_however_many_queries_told_the_spread():
    few, many = needed([0.2, -0.2] * 50), needed([0.2, -0.2] * 500)
    assert few[0.02] == pytest.approx(many[0.02], rel=0.02)


def test_the_sentence_names_its_source():
    said = sentence({"a": {"p": 0}, "b": {"p": 1}}, {0.05: 92, 0.02: 1572}, borrowed=False)
    assert said.startswith(
        "2 queries judged, 1 without a relevant passage. About 92 to show a gain of 5 points, 1,572 to show"
    )
    assert said.endswith("(by how much these differ).")
