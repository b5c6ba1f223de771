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


def test_after_a_bad_moment_it_grows_again_up_to_what_was_best_and_more_slowly_each_time():
    pace = Concurrency(32)
    pace.fix(8)
    answers = []
    for _ in range(3):
        pace.shrink()
        assert pace.now == 4
        n = 0
        while pace.now < 8:
            pace.answered(float(n))
            n += 1
        answers.append(n)
    assert answers == [4 * (4 + 5 + 6 + 7), 8 * (4 + 5 + 6 + 7), 16 * (4 + 5 + 6 + 7)]
    for n in range(1000):
        pace.answered(float(n))
    assert pace.now == 8


def test_a_number_that_was_found_is_what_it_grows_back_to():
    pace = Concurrency(32)
    found = run(pace, lambda now: min(now, 6))
    pace.shrink()
    assert run(pace, lambda now: min(now, 6)) == found
