from __future__ import annotations

import math

import numpy as np
import pytest

from embedtune.errors import DataError
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.training.selection import LEAST_GAIN, Decision, Prior, choose_evaluation, choose_weight, decide, hold_out

BASE = np.array([0.5, 0.5, 0.5, 0.5])


def scores(*gains: float) -> np.ndarray:
    return BASE + np.array(gains)


def test_clear_gain_is_shipped():
    decision = decide(BASE, {1.0: scores(0.1, 0.2, 0.1, 0.2)})
    # deviations of 0.05: sample variance 0.01 / 3, over four queries
    assert (decision.ship, decision.strength) == ("tuned", 1.0)
    assert decision.gain == pytest.approx(0.15)
    assert decision.error == pytest.approx(math.sqrt(0.01 / 3 / 4))


def test_gain_under_its_standard_error_ships_the_base():
    decision = decide(BASE, {0.5: scores(0.4, -0.3, 0.2, -0.2)})
    assert (decision.ship, decision.strength) == ("base", 0.0)
    assert decision.gain == pytest.approx(0.025)
    assert decision.error > 0.1


def test_gain_equal_to_its_standard_error_ships_the_base():
    # gains 0, 0.5: mean 0.25, standard error 0.25
    assert decide(np.zeros(2), {1.0: np.array([0.0, 0.5])}) == Decision("base", 0.0, 0.25, 0.25)


def test_no_change_ships_the_base():
    assert decide(BASE, {0.5: BASE, 1.0: BASE}) == Decision("base", 0.0, 0.0, 0.0)


def test_loss_ships_the_base_and_tells_the_loss():
    decision = decide(BASE, {0.5: scores(-0.25, -0.25, -0.25, -0.25), 1.0: scores(-0.5, -0.5, -0.5, -0.5)})
    assert decision == Decision("base", 0.0, -0.25, 0.0)


def test_strength_with_the_best_mean_is_taken():
    tuned = {0.5: scores(0.5, 0.5, 0.5, 0.5), 0.75: scores(1.0, 1.0, 0.5, 0.5), 1.0: scores(1.0, 0.5, 0.5, 0.5)}
    decision = decide(BASE, tuned)
    assert (decision.ship, decision.strength) == ("tuned", 0.75)


def test_of_equal_strengths_the_smallest_is_taken_whatever_the_order():
    best = scores(0.25, 0.25, 0.25, 0.25)
    assert decide(BASE, {1.0: best, 0.25: best, 0.5: best}).strength == 0.25


def test_single_query_has_no_error():
    assert decide(np.array([0.5]), {1.0: np.array([1.0])}) == Decision("tuned", 1.0, 0.5, 0.0)


def test_the_last_check_is_kept_unless_an_earlier_one_is_clearly_better():
    last = scores(0.5, 0.5, 0.5, 0.5)
    noisy = scores(1.0, 0.5, 0.25, 0.5)  # mean difference 0.0625, standard error 0.157
    steady = scores(0.75, 0.75, 0.75, 0.5)  # 0.1875 and 0.0625
    assert choose_evaluation([last]) == 0
    assert choose_evaluation([noisy, last]) == 1
    assert choose_evaluation([steady, noisy, last]) == 0


def test_queries_of_one_document_are_not_counted_as_independent():
    gains = scores(0.5, 0.5, -0.25, -0.25)  # two documents, each of one mind
    alone, together = decide(BASE, {1.0: gains}), decide(BASE, {1.0: gains}, clusters=["a", "a", "b", "b"])
    assert (alone.gain, together.gain) == (0.125, 0.125)
    assert alone.error == pytest.approx(math.sqrt(4 * 0.375**2 / 3 / 4))
    assert together.error == pytest.approx(0.375)
    assert decide(BASE, {1.0: gains}, clusters=["a", "b", "c", "d"]) == alone


def test_checks_are_compared_by_document_too():
    last, steady = scores(0.5, 0.5, 0.5, 0.5), scores(1.0, 1.0, 0.5, 0.5)  # mean 0.25, error 0.144, by document 0.25
    assert choose_evaluation([steady, last]) == 0
    assert choose_evaluation([steady, last], clusters=[1, 1, 2, 2]) == 1


USUAL = np.full(20, 0.5)


def test_words_get_no_more_weight_than_they_clearly_earn():
    assert choose_weight({0.4: USUAL + 0.1, 0.6: USUAL, DEFAULT_WEIGHT: USUAL}) == 0.4
    lucky = USUAL + np.array([0.5, -0.3] + [0.0] * 18)
    assert choose_weight({0.4: lucky, 0.6: USUAL, DEFAULT_WEIGHT: USUAL - 0.1}) == 0.6


def test_meaning_gets_more_than_usual_only_where_that_is_best():
    assert choose_weight({0.4: USUAL, DEFAULT_WEIGHT: USUAL, 0.8: USUAL + 0.1, 0.9: USUAL}) == 0.8
    lucky = USUAL + np.array([0.5, -0.3] + [0.0] * 18)
    assert choose_weight({0.4: lucky, DEFAULT_WEIGHT: USUAL, 0.9: USUAL}) == DEFAULT_WEIGHT


def test_of_equal_weights_the_nearest_to_the_usual_one_is_best():
    assert choose_weight({0.3: USUAL, 0.5: USUAL, DEFAULT_WEIGHT: USUAL}) == DEFAULT_WEIGHT
    assert choose_weight({0.3: USUAL, DEFAULT_WEIGHT: USUAL - 0.1, 0.5: USUAL}) == 0.5
    assert choose_weight({DEFAULT_WEIGHT: USUAL, 0.9: USUAL}) == DEFAULT_WEIGHT


def test_without_queries_the_weight_is_the_usual_one():
    nothing = np.zeros(0)
    assert choose_weight({0.4: nothing, DEFAULT_WEIGHT: nothing}) == DEFAULT_WEIGHT


def test_one_document_is_no_proof():
    gains = scores(0.3, -0.2, 0.2, -0.1)
    assert decide(BASE, {1.0: gains}, clusters=["a"] * 4) == decide(BASE, {1.0: gains})


def test_documents_that_cancel_out_do_not_make_a_gain_surer():
    gains = scores(0.3, -0.1, -0.1, 0.3)
    assert decide(BASE, {1.0: gains}, clusters=["a", "a", "b", "b"]).error == decide(BASE, {1.0: gains}).error > 0


@pytest.mark.parametrize("n_queries", [7, 40, 41, 150, 300])
@pytest.mark.parametrize("gain", [1 / 6, 0.1, 1 / 132, 1 / 210])
def test_a_single_query_that_changed_is_a_tie_however_it_is_rounded(n_queries, gain):
    for row in range(0, n_queries, 3):
        base = np.random.default_rng(row).random(n_queries) / 2
        after = base.copy()
        after[row] += gain
        for clusters in (None, np.arange(n_queries) // 5):
            assert decide(base, {1.0: after}, clusters).ship == "base"
            assert choose_evaluation([after, base], clusters) == 1
            assert choose_weight({0.5: after, DEFAULT_WEIGHT: base}, clusters) == DEFAULT_WEIGHT


def test_a_gain_that_rounding_could_have_made_ships_the_base():
    base = np.full(1000, 0.5)
    hair = base.copy()
    hair[:40] += 0.5 * LEAST_GAIN * 1000 / 40
    assert decide(base, {1.0: hair}).ship == "base"
    hair[:40] += 1.5 * LEAST_GAIN * 1000 / 40
    assert decide(base, {1.0: hair}).ship == "tuned"


def test_few_queries_leave_the_prior_and_many_replace_it():
    prior = Prior(0.02, 0.04)
    assert prior.update(-0.1, 10.0, 20) == pytest.approx((0.02, 0.04), abs=1e-4)
    assert prior.update(-0.1, 0.0, 20) == (-0.1, 0.0)
    expected = prior.update(-0.02, 0.04, 20)  # as sure as the prior
    assert expected == pytest.approx((0.0, 0.04 / np.sqrt(2)))
    assert expected.risk == pytest.approx(0.5)
    assert prior.update(0.05, 0.01, 20).risk < 0.001


def test_one_query_has_no_error_and_leaves_the_prior():
    assert Prior(0.02, 0.04).update(-0.5, 0.0, 1) == (0.02, 0.04)
    one = decide(BASE[:1], {1.0: BASE[:1] - 0.1}, errors=0, prior=Prior(0.02, 0.04))
    assert (one.ship, one.expected) == ("tuned", (0.02, 0.04))


def test_a_small_loss_on_few_queries_does_not_outweigh_what_is_known():
    noisy = scores(0.5, -0.5, 0.3, -0.34)
    alone = decide(BASE, {1.0: noisy}, errors=0)
    informed = decide(BASE, {1.0: noisy}, errors=0, prior=Prior(0.02, 0.04))
    assert (alone.ship, informed.ship) == ("base", "tuned")
    assert informed.gain == alone.gain < 0 < informed.expected.gain
    clear = decide(BASE, {1.0: scores(-0.3, -0.31, -0.3, -0.29)}, errors=0, prior=Prior(0.02, 0.04))
    assert clear.ship == "base"


def test_of_judged_queries_the_weight_nearest_to_the_usual_one_is_taken_within_an_error():
    noisy = USUAL + np.tile([0.3, -0.2, 0.2, -0.2], 5)
    assert choose_weight({0.4: noisy, DEFAULT_WEIGHT: USUAL, 0.9: USUAL}, judged=True) == DEFAULT_WEIGHT
    assert choose_weight({0.4: USUAL, DEFAULT_WEIGHT: USUAL, 0.9: noisy}, judged=True) == DEFAULT_WEIGHT
    better = {0.4: USUAL + 0.3, 0.5: USUAL + 0.3, DEFAULT_WEIGHT: USUAL}
    assert choose_weight(better, judged=True) == 0.5


def test_queries_that_confirm_choose_nothing_and_documents_stay_whole():
    clusters = np.repeat(["a", "b", "c", "d"], [1, 3, 2, 4])
    choosing, confirming = hold_out(clusters, 0.5, seed=0)
    assert sorted([*choosing, *confirming]) == list(range(10))
    assert not set(clusters[choosing]) & set(clusters[confirming])
    assert len(confirming) >= 5
    assert [each.tolist() for each in hold_out(clusters, 0.5, seed=0)] == [choosing.tolist(), confirming.tolist()]


def test_without_a_share_all_queries_do_both():
    choosing, confirming = hold_out(["a", "a", "b"], 0, seed=0)
    assert choosing.tolist() == confirming.tolist() == [0, 1, 2]


def test_queries_of_one_document_cannot_be_held_out():
    with pytest.raises(DataError, match="expected dev queries of two documents at least, found 1"):
        hold_out(["a", "a"], 0.5, seed=0)


def test_the_best_of_many_trainings_of_no_worth_is_confirmed_no_more_often_than_one():
    """On the queries that chose it, the best of 20 passes the gate nearly always; on others as often as any one, 16 %."""
    draw = np.random.default_rng(0)
    n, trials, rounds = 200, 20, 300
    choosing, confirming = hold_out(np.arange(n), 0.5, seed=0)
    passed = {"chosen": 0, "confirmed": 0}
    for _ in range(rounds):
        gains = 0.2 * (0.7 * draw.standard_normal(n) + 0.7 * draw.standard_normal((trials, n)))  # trials are alike
        best = gains[gains[:, choosing].mean(axis=1).argmax()]
        for name, rows in (("chosen", choosing), ("confirmed", confirming)):
            passed[name] += decide(np.zeros(len(rows)), {1.0: best[rows]}).ship == "tuned"
    assert passed["chosen"] / rounds > 0.5
    assert passed["confirmed"] / rounds == pytest.approx(0.16, abs=0.05)
