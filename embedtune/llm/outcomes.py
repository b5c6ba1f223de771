"""How a call stands, by everything that has come back for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from embedtune.llm.calls import Answer, Call
from embedtune.llm.failures import TRANSPORT
from embedtune.llm.retries import ATTEMPTS, REFUSALS
from embedtune.llm.store import ANSWER, Attempt

Judge = Callable[[Call, Answer], str | None]
"""Returns None for an answer that can be used, else what is wrong with it: ``refusal``, ``wrong_count``, …"""

REFUSAL = "refusal"
_ENDS_THE_CALL = frozenset({"too_long", "bad_request", REFUSAL})


class Outcome(NamedTuple):
    """How a call stands.

    Attributes:
        answer: The first that can be used, or None.
        failure: Why it was given up, or None.
        n_attempts: That count against its limit.
        n_refusals: Of those, refusals.
    """

    answer: Answer | None
    failure: str | None
    n_attempts: int = 0
    n_refusals: int = 0

    @property
    def waits(self) -> bool:
        """Whether it is still to be asked."""
        return self.answer is None and self.failure is None


def outcome_of(call: Call, history: Sequence[Attempt], judge: Judge) -> Outcome:
    """Judge a call's history: done with its first usable answer, given up after its attempts, or waiting."""
    last = None
    n_attempts = n_refusals = 0
    for attempt in history:
        fault: str | None = attempt.outcome
        if attempt.outcome == ANSWER:
            fault = judge(call, attempt.answer)
            if fault is None:
                return Outcome(attempt.answer, None)
        if attempt.current:
            n_attempts += 1
            n_refusals += fault == REFUSAL
            last = fault
            if attempt.outcome in _ENDS_THE_CALL:
                return Outcome(None, last, n_attempts, n_refusals)
    given_up = n_attempts >= ATTEMPTS or n_refusals >= REFUSALS
    return Outcome(None, last if given_up else None, n_attempts, n_refusals)


def is_transport(failure: str | None) -> bool:
    """Tell whether a call was given up for reasons that lie between here and the model."""
    return failure in TRANSPORT
