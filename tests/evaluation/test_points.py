from __future__ import annotations

from embedtune.evaluation.points import evidence, interval, points, with_interval


def test_a_difference_has_its_sign_and_its_interval():
    assert points(0.0123, 2) == "+1.23"
    assert with_interval(-0.02, (-0.0304, 0.001)) == "-2.0 (-3.0 to +0.1)"
    assert evidence((0.004, 0.026), 0.0074) == "95 % interval +0.4 to +2.6, p = 0.0074"


def test_what_the_queries_cannot_give_is_left_out():
    assert interval(None) == "–"
    assert evidence(None, 1.0) == "p = 1"
