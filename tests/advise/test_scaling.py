"""The slope of a gain over the number of train queries."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.scaling import summarise_scaling

N = 200
CLUSTERS = [str(number) for number in range(N)]


def gains(*means: float, spread: float) -> dict[int, np.ndarray]:
    draw = np.random.default_rng(0)
    easy = draw.normal(0, spread, N)  # a query that gains much gains much at every size
    return {
        100 * 2**step: np.clip(mean + easy + draw.normal(0, spread / 4, N), -1, 1) for step, mean in enumerate(means)
    }


def test_a_gain_that_grows_is_told_from_noise():
    found = summarise_scaling(gains(0.0, 0.03, 0.06, spread=0.1), CLUSTERS)
    assert [point.train_queries for point in found.points] == [100, 200, 400]
    assert found.slope_per_doubling == pytest.approx(0.03, abs=0.005)
    assert found.distinguishable and found.ci95[0] > 0 and found.p_value < 0.05


def test_one_that_stays_is_not():
    found = summarise_scaling(gains(0.03, 0.03, 0.03, spread=0.1), CLUSTERS)
    assert not found.distinguishable
    assert found.ci95[0] < 0 < found.ci95[1]
    assert all(point.gain > 0 for point in found.points)


def test_the_slope_is_that_of_least_squares():
    values = {10: np.full(N, 0.1), 20: np.full(N, 0.4), 40: np.full(N, 0.3)}
    assert summarise_scaling(values, CLUSTERS).slope_per_doubling == pytest.approx(0.1)
