from __future__ import annotations

import pytest

from embedtune.ui.agreement import agreements, consensus, disputed


def judge(text):
    return {"q": {f"p{number}": int(grade) for number, grade in enumerate(text) if grade != "-"}}


def test_kappa_takes_chance_out_of_what_two_judged_both():
    (found,) = agreements({"ada": judge("1111000000"), "bob": judge("1110000001")})
    assert (found.judges, found.n, found.share) == (("ada", "bob"), 10, 0.8)
    assert found.kappa == pytest.approx((0.8 - 0.52) / (1 - 0.52))


def test_only_passages_of_both_count_and_strangers_have_no_agreement():
    found = agreements({"ada": judge("11--0"), "bob": judge("10--0"), "eve": judge("--1--")})
    assert [(each.judges, each.n) for each in found] == [(("ada", "bob"), 3)]


def test_where_chance_alone_decides_there_is_no_kappa():
    (found,) = agreements({"ada": judge("11"), "bob": judge("11")})
    assert (found.share, found.kappa) == (1.0, None)


def test_most_judges_decide_and_a_tie_is_not_relevant():
    three = {"ada": judge("110"), "bob": judge("101"), "eve": judge("100")}
    assert consensus(three) == judge("100")
    assert consensus({"ada": judge("10"), "bob": judge("01")}) == judge("00")
    assert consensus({"ada": {"q": {"p": 3}}}) == {"q": {"p": 3}}
    assert disputed(three) == 2
    assert consensus({}) == {}
