"""How calls stand."""

import pytest

from embedtune.llm.calls import Answer, Message, make_call
from embedtune.llm.outcomes import is_transport, outcome_of
from embedtune.llm.store import ANSWER, Attempt

CALL = make_call("m", [Message("user", "x")], {}, "write")
GOOD, BAD, NO = (Attempt(ANSWER, Answer(text)) for text in ("good", "bad", "no"))
LATE = Attempt("timeout", Answer(""))


def judge(call, answer):
    return {"good": None, "bad": "wrong_count", "no": "refusal"}[answer.text]


@pytest.mark.parametrize(
    ("history", "answered", "failure"),
    [
        ([], False, None),
        ([GOOD], True, None),
        ([BAD, LATE, GOOD], True, None),
        ([BAD, LATE], False, None),
        ([LATE] * 7, False, None),
        ([LATE] * 8, False, "timeout"),
        ([LATE] * 7 + [BAD], False, "wrong_count"),
        ([LATE] * 8 + [GOOD], True, None),
        ([NO, NO], False, None),
        ([NO, BAD, NO, NO], False, "refusal"),
        ([Attempt("too_long", Answer(""))], False, "too_long"),
    ],
)
def test_a_call_waits_until_it_is_answered_or_given_up(history, answered, failure):
    found = outcome_of(CALL, history, judge)
    assert (found.answer is not None, found.failure, found.waits) == (
        answered,
        failure,
        not answered and failure is None,
    )


def test_attempts_before_a_renewal_do_not_count_but_their_answers_do():
    old = [attempt._replace(current=False) for attempt in [LATE] * 8]
    assert outcome_of(CALL, old, judge).waits
    assert outcome_of(CALL, [*old, LATE], judge).n_attempts == 1
    assert outcome_of(CALL, [GOOD._replace(current=False)], judge).answer == GOOD.answer


def test_failures_of_the_way_are_told_from_those_of_the_answer():
    assert is_transport("server")
    assert not is_transport("refusal")
    assert not is_transport(None)
