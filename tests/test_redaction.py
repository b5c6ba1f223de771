"""Keys do not get out."""

import logging

import pytest

from embedtune.redaction import RedactingFormatter, hide_known, known_secrets, redact, redact_all


def test_secrets_are_values_of_variables_that_are_named_so():
    environment = {
        "OPENAI_API_KEY": "aaaa-bbbb-cccc", "HF_TOKEN": " hf-12345678 ", "DB_PASSWORD": "short", "HOME": "/home/somebody",
        "KEYBOARD": "a-long-value-of-no-secret",
    }  # fmt: skip
    assert known_secrets(environment) == ["aaaa-bbbb-cccc", "hf-12345678"]


@pytest.mark.parametrize(
    "text",
    [
        "http://ada:{0}@host/v1",
        "https://{0}@host/v1",
        "GET /v1?api_key={0}&x=1",
        "GET /v1?key={0}",
        "{{'authorization': 'Bearer {0}'}}",
        "Authorization: Basic {0}",
        '{{"api_key": "{0}"}}',
        "--set llm.api_key={0}",
        "token={0}",
        "Incorrect API key provided: sk-{0}",
    ],
)
def test_what_has_the_form_of_a_key_is_hidden(text):
    assert "Zk81TqPwLx09Ab" not in redact(text.format("Zk81TqPwLx09AbCd"))


@pytest.mark.parametrize(
    "text",
    [
        "OPENAI_API_KEY: expected a key in this environment variable, found none",
        "recipe.yaml:4: there is no such setting; known: llm.key_variable",
        "2.6k tokens, cost 0.0100",
        "http://127.0.0.1:8000/v1",
        "write to somebody@example.org",
    ],
)
def test_ordinary_messages_stay(text):
    assert redact(text) == text


def test_known_secrets_are_hidden_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "open sesame 99")
    assert hide_known("say open sesame 99 now; token=0123456789") == "say *** now; token=0123456789"
    assert redact_all(["--set", "x=open sesame 99"]) == ["--set", "x=***"]


def test_logs_and_tracebacks_are_redacted(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "open sesame 99")
    try:
        raise ValueError("open sesame 99")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "failed with %s", ("open sesame 99",), (type(error), error, error.__traceback__)
        )
    line = RedactingFormatter("%(message)s").format(record)
    assert "sesame" not in line
    assert "Traceback" in line
