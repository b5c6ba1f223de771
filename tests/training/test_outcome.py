from __future__ import annotations

import math

import numpy as np
import pytest

from embedtune.training.outcome import Training, observe, why_not_shipped
from embedtune.training.selection import LEAST_GAIN

FELL, ROSE, STILL = [2.0, 1.5, 1.0], [2.0, 2.5, 3.0], [2.0, 2.0, 1.95]


def training(losses=FELL, *, to_base=0.8, between=0.3, base_between=0.3, **names):
    return Training(losses, to_base, between, base_between, **names)


def test_worse_than_the_base_is_not_called_noise():
    assert why_not_shipped(-0.452, 0.173) == "worse than the base"
    assert why_not_shipped(-0.1, 0.173) == why_not_shipped(0.1, 0.173) == "no more than noise over the base"
    assert why_not_shipped(0.0, 0.0) == "no more than noise over the base"


def test_a_sure_gain_that_rounding_can_make_is_told_as_that():
    assert why_not_shipped(LEAST_GAIN / 2, 0.0).startswith("a gain of less than 0.001")
    assert why_not_shipped(LEAST_GAIN / 2, LEAST_GAIN) == "no more than noise over the base"


def test_a_loss_that_rose_is_a_training_that_diverged():
    reason = why_not_shipped(-0.4, 0.1, training(ROSE))
    assert reason == "worse than the base; training diverged (loss 2 → 3): lower train.learning_rate"


@pytest.mark.parametrize("gain", [-0.4, 0.0, 0.1])
@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_a_training_that_diverged(gain, lost):
    assert "training diverged (loss 2 → " in why_not_shipped(gain, 0.2, training([2.0, 1.0, lost]))


def test_a_rise_within_noise_is_not_called_divergence():
    assert "hardly learned (loss 2 → 3): raise train.learning_rate or train.epochs" in why_not_shipped(
        0.0, 0.1, training(ROSE)
    )


def test_queries_that_are_all_alike_are_a_training_that_collapsed():
    reason = why_not_shipped(-0.4, 0.1, training(ROSE, between=0.998, base_between=0.21))
    assert "training collapsed, mean cosine between queries 0.998, by the base 0.210 (loss 2 → 3)" in reason
    assert reason.endswith("lower train.learning_rate, or raise train.temperature")
    narrow = why_not_shipped(-0.4, 0.1, training(between=0.95, base_between=0.94))
    assert "collapsed" not in narrow  # as narrow as the base


def test_vectors_that_are_the_bases_are_a_training_that_never_moved():
    reason = why_not_shipped(0.0, 0.0, training(STILL, to_base=0.99999))
    assert "hardly moved the model, mean cosine of queries to the base 0.99999 (loss 2 → 1.95)" in reason
    assert reason.endswith("raise train.learning_rate or train.epochs")


def test_learning_that_does_not_help_is_told_apart_from_too_little_of_it():
    worse, noise = why_not_shipped(-0.4, 0.1, training()), why_not_shipped(0.05, 0.1, training())
    assert "does not help on dev (loss 2 → 1): lower train.learning_rate or train.epochs" in worse
    assert "learned its pairs (loss 2 → 1): more dev queries" in noise
    assert "hardly learned (loss 2 → 1.95): raise" in why_not_shipped(0.05, 0.1, training(STILL))


def test_cosines_and_settings_of_each_method_are_observed():
    base = np.eye(3, dtype=np.float32)
    alike = np.tile(base[:1], (3, 1))
    found = observe("linear", FELL, base, alike)
    assert found[1:4] == pytest.approx((1 / 3, 1.0, 0.0))
    assert (found.rate, found.epochs) == ("train.query_side.linear_learning_rate", "train.query_side.epochs")
    assert observe("query-lora", FELL, base, base).rate == "train.query_side.learning_rate"
    assert observe("full", FELL, base, base)[3:] == (0.0, "train.learning_rate", "train.epochs")
    assert observe("lora", FELL, base[:1], base[:1]).between == 0.0
