import pytest

from embedtune.llm.pace import Concurrency


def run(pace, rate_of, n=600):
    """Let a server answer that gives so many answers a second for so many calls at once."""
    at = 0.0
    for _ in range(n):
        at += 1 / rate_of(pace.now)
        pace.answered(at)
    return pace.now


@pytest.mark.parametrize(("slots", "most", "found"), [(1, 32, 4), (6, 32, 6), (1000, 32, 32), (1000, 3, 3)])
def test_it_grows_while_that_brings_more(slots, most, found):
    assert run(Concurrency(most), lambda now: min(now, slots)) == pytest.approx(found, rel=0.5)


def test_slots_that_are_told_are_taken_up_to_the_setting():
    pace = Concurrency(32)
    pace.fix(6)
    assert run(pace, lambda now: now) == 6
    pace.fix(100)
    assert pace.now == 32
    pace.fix(0)
    assert pace.now == 1


def test_waiting_halves_it_to_one_at_least():
    pace = Concurrency(32)
    pace.fix(8)
    found = []
    for _ in range(5):
        pace.shrink()
        found.append(pace.now)
    assert found == [4, 2, 1, 1, 1]
