from __future__ import annotations

import numpy as np
import pytest

from embedtune.evaluation.resampling import standard_errors, sum_by_cluster
from embedtune.evaluation.seeds import Spread, average_seeds, spread


def test_spread_is_the_sample_deviation():
    assert spread([1.0, 2.0, 3.0]) == Spread(2.0, 1.0, 3)


def test_one_seed_has_no_spread():
    assert spread([0.5]) == Spread(0.5, None, 1)


def test_no_seeds():
    with pytest.raises(ValueError, match="one seed"):
        spread([])


def test_seeds_are_averaged_by_query():
    assert average_seeds([np.array([0.0, 1.0]), np.array([1.0, 1.0])]).tolist() == [0.5, 1.0]


def test_seeds_are_no_further_queries():
    seed = np.random.default_rng(0).choice([-1.0, 0.0, 0.0, 1.0], 200)
    once = standard_errors(sum_by_cluster(seed))
    assert standard_errors(sum_by_cluster(average_seeds([seed] * 3))) == pytest.approx(once)
