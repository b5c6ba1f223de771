"""What failures of providers mean."""

from types import SimpleNamespace

import httpx
import openai
import pytest

from embedtune.llm.failures import CallError, causes, classify, retry_after

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
