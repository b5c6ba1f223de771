"""How calls stand."""

import asyncio
import time
from types import SimpleNamespace

import httpx
import openai
import pytest

from embedtune.llm.failures import (
    CallError,
    HeldBackError,
    RateLimiter,
    StopWaitingError,
    causes,
    classify,
    outcome_of,
    retry_after,
    retrying,
)
from embedtune.llm.store import ANSWER, Answer, Attempt, Message, make_call


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


REQUEST = httpx.Request("POST", "http://host/v1/chat/completions")


def status_error(status, body="", headers=None):
    response = httpx.Response(status, headers=headers, request=REQUEST)
    return openai.APIStatusError(body, response=response, body=None)


@pytest.mark.parametrize(
    ("status", "body", "kind", "scope"),
    [
        (401, "", "unauthorized", "run"),
        (403, "", "unauthorized", "run"),
        (402, "", "quota", "run"),
        (429, "insufficient_quota", "quota", "run"),
        (429, "You exceeded your current quota, please check your plan", "quota", "run"),
        (404, "no such model", "not_found", "run"),
        (429, "slow down", "rate_limit", "again"),
        (500, "", "server", "again"),
        (503, "", "server", "again"),
        (529, "", "server", "again"),
        (408, "", "server", "again"),
        (400, "maximum context length is 4096", "too_long", "call"),
        (413, "", "too_long", "call"),
        (400, "content_filter", "refusal", "call"),
        (400, "temperature must be a number", "bad_request", "call"),
    ],
)
def test_statuses(status, body, kind, scope):
    found = classify(status_error(status, body))
    assert (found.kind, found.scope) == (kind, scope)


def wrapped(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (openai.APITimeoutError(REQUEST), "timeout"),
        (TimeoutError(), "timeout"),
        (wrapped(openai.APIConnectionError(request=REQUEST), httpx.ConnectError("refused")), "unreachable"),
        (wrapped(openai.APIConnectionError(request=REQUEST), httpx.RemoteProtocolError("torn")), "connection"),
        (ConnectionError("Failed to connect to Ollama."), "unreachable"),
        (ConnectionResetError(), "connection"),
        (AttributeError("'str' object has no attribute 'choices'"), "bad_response"),
        (ValueError("Expecting value"), "bad_response"),
    ],
)
def test_errors_without_a_status_are_sent_again(error, kind):
    found = classify(error)
    assert (found.kind, found.scope) == (kind, "again")


def test_what_was_classified_stays():
    error = CallError("wrong_count")
    assert classify(error) is error


def test_the_servers_wish_is_read_from_the_headers():
    assert classify(status_error(429, "", {"Retry-After": "3"})).retry_after == 3
    assert classify(status_error(503, "", {"retry-after-ms": "250"})).retry_after == 0.25
    assert classify(status_error(500)).retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 60),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_forms_of_retry_after(headers, seconds):
    assert retry_after(headers, now=40) == seconds


def test_messages_are_short_and_without_keys(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "correct-horse-battery")
    message = str(classify(status_error(401, "Incorrect API key provided: correct-horse-battery " + "x" * 1000)))
    assert "horse" not in message
    assert len(message) <= 300


def test_causes_end_where_they_turn_in_a_circle():
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert causes(first) == [first, second]
    assert causes(SimpleNamespace(__cause__=None, __context__=None))[1:] == []


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
        ([BAD, BAD], False, "wrong_count"),
        ([BAD, NO, NO], False, None),
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


def test_a_pause_holds_calls_back_and_a_shorter_one_does_not_end_it():
    async def enter():
        gate = RateLimiter()
        gate.pause(0.15)
        gate.pause(0.01)
        with pytest.raises(HeldBackError):
            gate.check_open()
        started = time.monotonic()
        await gate.enter(1)
        gate.check_open()
        return time.monotonic() - started

    assert asyncio.run(enter()) > 0.1


def test_only_heads_that_ask_for_it_close_the_gate():
    gate = RateLimiter()
    gate.hear(200, {"retry-after": "9"})
    gate.hear(500, {})
    gate.check_open()
    gate.hear(429, {"retry-after": "9"})
    with pytest.raises(HeldBackError):
        gate.check_open()


def test_after_a_pause_calls_go_out_one_by_one_until_answers_come():
    async def flight():
        gate, inside = RateLimiter(concurrency=4), []

        async def hold():
            async with gate.slot():
                inside.append(len(inside))
                await asyncio.sleep(10)

        gate.pause(0)
        tasks = [asyncio.create_task(hold()) for _ in range(6)]
        counts = []
        for _ in range(5):
            await asyncio.sleep(0.01)
            counts.append(len(inside))
            gate.answered()
        for task in tasks:
            task.cancel()
        return counts

    assert asyncio.run(flight()) == [1, 2, 3, 4, 4]


def test_a_run_that_ends_ends_the_waiting():
    async def wait():
        gate = RateLimiter(is_stopping=lambda: True)
        gate.pause(60)
        await gate.enter(1)

    started = time.monotonic()
    with pytest.raises(StopWaitingError):
        asyncio.run(wait())
    assert time.monotonic() - started < 5


def test_the_rate_is_kept_and_waiting_for_it_can_be_ended():
    stopping = []

    async def calls():
        gate = RateLimiter(requests_per_minute=3, is_stopping=lambda: bool(stopping))
        for _ in range(3):
            await gate.enter(1)
        asyncio.get_running_loop().call_later(0.1, stopping.append, True)
        await gate.enter(1)

    with pytest.raises(StopWaitingError):
        asyncio.run(calls())


def test_a_call_of_more_tokens_than_a_minute_has_is_let_through():
    async def call():
        await RateLimiter(tokens_per_minute=100).enter(5000)

    asyncio.run(asyncio.wait_for(call(), 2))
