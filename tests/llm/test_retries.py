"""How often and when a call is sent again."""

import asyncio

import pytest

from embedtune.llm.failures import CallError
from embedtune.llm.retries import retrying


def attempt(errors, attempts=8):
    """Send until the errors are used up; return the number of tries and the waits between them."""
    errors, waits, tries = list(errors), [], 0

    async def sleep(seconds):
        waits.append(seconds)

    async def send():
        nonlocal tries
        async for one in retrying(attempts, sleep):
            with one:
                tries += 1
                if errors:
                    raise errors.pop(0)

    error = None
    try:
        asyncio.run(send())
    except CallError as caught:
        error = caught
    return tries, waits, error


def test_eight_tries_at_most_and_the_last_failure_is_told():
    tries, waits, error = attempt([CallError("server")] * 20)
    assert (tries, len(waits), error.kind) == (8, 7, "server")
    assert all(0 <= wait <= 30 for wait in waits)


def test_a_bad_answer_is_asked_for_again_at_once():
    tries, waits, error = attempt([CallError("wrong_count"), CallError("broken")])
    assert (tries, waits, error) == (3, [0.0, 0.0], None)


def test_what_the_server_asks_for_is_waited_by_the_gate_and_not_a_second_time_here():
    assert attempt([CallError("rate_limit", retry_after=5.0)])[1] == [0.0]


@pytest.mark.parametrize("scope", ["call", "run"])
def test_what_ends_a_call_is_not_sent_again(scope):
    tries, _, error = attempt([CallError("unauthorized", scope=scope)])
    assert (tries, error.scope) == (1, scope)


def test_other_exceptions_are_bugs():
    with pytest.raises(ZeroDivisionError):
        attempt([ZeroDivisionError()])
