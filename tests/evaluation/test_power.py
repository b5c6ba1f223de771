from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from embedtune.evaluation.power import detectable_gain, queries_needed


def test_gain_that_can_be_shown_is_2_8_errors():
    assert detectable_gain(0.01) == pytest.approx(0.028, abs=5e-5)
    assert detectable_gain(0.0) == 0.0


def test_power_at_the_detectable_gain_is_80_per_cent():
    # the normal approximation, computed from the other side
    power = stats.norm.sf(stats.norm.ppf(0.975) - detectable_gain(0.3) / 0.3)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_half_the_gain_takes_four_times_the_queries():
    error = 0.02 / detectable_gain(1.0)  # so that 2 points can be shown
    assert queries_needed(0.02, error, 300) == pytest.approx(0, abs=1)
    assert queries_needed(0.01, error, 300) == pytest.approx(900, abs=1)
    assert queries_needed(0.05, error, 300) == 0


@pytest.mark.parametrize("gain", [0.0, -0.1])
def test_there_is_no_number_of_queries_to_show_no_gain(gain):
    with pytest.raises(ValueError, match="above 0"):
        queries_needed(gain, 0.01, 100)


def test_with_the_queries_asked_for_a_t_test_finds_the_gain():
    generator = np.random.default_rng(0)
    gain, deviation, n = 0.02, 0.2, 100
    n += queries_needed(gain, deviation / np.sqrt(n), n)
    found = stats.ttest_1samp(generator.normal(gain, deviation, (2000, n)), 0, axis=1).pvalue <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)
