from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.evaluation.exact import holm, mcnemar_p


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_mcnemar_counts_the_tosses_of_a_fair_coin(pairs):
    before, after = np.array(pairs, dtype=float).T
    wins, losses = int((after > before).sum()), int((before > after).sum())
    n, fewer = wins + losses, min(wins, losses)
    tail = sum(comb(n, k) for k in range(fewer + 1)) / 2**n
    assert mcnemar_p(before, after) == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_is_for_hits_and_misses():
    assert mcnemar_p([0.0, 1.0], [0.5, 1.0]) is None
    assert mcnemar_p([0.0, 1.0], [0.0, 1.0]) == 1.0


def test_mcnemar_is_never_too_small():
    generator = np.random.default_rng(0)
    p = []
    for _ in range(2000):
        flipped = generator.random(150) < 0.08
        # a changed query is a win or a loss with the same chance
        before = np.where(flipped, generator.random(150) < 0.5, 1)
        after = np.where(flipped, 1 - before, before)
        p.append(mcnemar_p(before.astype(float), after.astype(float)))
    for level in (0.01, 0.05, 0.1, 0.2):
        assert np.mean(np.array(p) <= level) <= level + 2 * np.sqrt(level * (1 - level) / 2000)


def test_holm_by_hand():
    # sorted 0.01 0.02 0.03 0.5: 4 · 0.01, 3 · 0.02, then 2 · 0.03 = 0.06, then 0.5
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    # a later p is never smaller than an earlier one
    assert holm([0.01, 0.011]) == pytest.approx([0.02, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_the_step_down_procedure_does(p):
    level, rejected = 0.05, set()
    for place, number in enumerate(sorted(range(len(p)), key=lambda number: p[number])):
        if p[number] * (len(p) - place) > level:
            break
        rejected.add(number)
    assert {number for number, value in enumerate(holm(p)) if value <= level} == rejected
