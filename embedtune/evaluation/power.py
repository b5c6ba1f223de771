"""What a test set can show, and how large it would have to be.

Both by the normal approximation, two-sided at 5 % with 80 % power (Cohen 1988, ch. 2; for test collections Sakai 2016): a true
gain is found four times in five when it is (1.96 + 0.84) standard errors.
"""

from __future__ import annotations

import math
from statistics import NormalDist

ALPHA = 0.05
POWER = 0.8
_ERRORS = NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)


def detectable_gain(error: float) -> float:
    """Return the smallest true gain that would be shown with 80 % power, given the standard error of the mean difference."""
    return _ERRORS * error


def queries_needed(gain: float, error: float, n_queries: int) -> int:
    """Return how many more queries it would take to show a gain with 80 % power; 0 where there are enough.

    More queries must come as these came, with as many for each document: queries of documents that are there already say less.

    Args:
        gain: The gain to show, above 0.
        error: Standard error of the mean difference over ``n_queries``; it falls with the root of their number.
        n_queries: Queries there are.

    Raises:
        ValueError: If the gain is not above 0.
    """
    if gain <= 0:
        raise ValueError(f"expected a gain above 0, got {gain}")
    return max(0, math.ceil(n_queries * (detectable_gain(error) / gain) ** 2) - n_queries)
