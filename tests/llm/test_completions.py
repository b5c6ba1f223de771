"""The text of a message in the forms in which servers send it; ``test_exchange.py`` has whole answers on a socket."""

import json

import pytest

from embedtune.llm.completions import message_text, tidy
from embedtune.llm.failures import CallError


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "a"}, "a"),
        ({"content": None}, None),
        ({}, None),
        ({"content": ""}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": ["a", "b"]}, "ab"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "no"}]}, {"type": "text", "text": "a"}]}, "a"),
        ({"content": "a", "reasoning_content": "no"}, "a"),
        ({"content": None, "reasoning_content": "no"}, "<think>no"),
        ({"content": "", "reasoning": "no"}, "<think>no"),
        ({"content": "", "thinking": "no"}, "<think>no"),
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"queries": ["a"]}'}}]}, '{"queries": ["a"]}'),
        ({"content": "", "tool_calls": [{"function": {"arguments": {"queries": ["a"]}}}]}, '{"queries": ["a"]}'),
        ({"content": None, "tool_calls": [7, {"function": None}]}, None),
    ],
)  # fmt: skip
def test_text_of_a_message(message, text):
    assert message_text(message) == text


@pytest.mark.parametrize("content", [7, [1], [{"text": "a"}], {"text": "a"}, True])
def test_another_form_is_no_answer(content):
    with pytest.raises(CallError, match="no text"):
        message_text({"content": content})


@pytest.mark.parametrize("form", ["choices", "message"])
def test_of_thoughts_beside_an_answer_nothing_is_kept(form):
    message = {"role": "assistant", "content": "a", "reasoning_content": "a draft", "thinking": "a draft"}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "message": message, "done": True}
    assert "draft" not in tidy(json.dumps(body).encode(), form).decode()


def test_of_a_text_that_goes_on_the_text_its_ending_and_its_counts_stay():
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    value = {
        "id": "x",
        "choices": [{"index": 0, "text": " a b", "finish_reason": "length"}],
        "usage": usage,
        "timings": {},
    }
    kept = json.loads(tidy(json.dumps(value).encode(), "choices"))
    assert kept["choices"] == [{"index": 0, "text": " a b", "finish_reason": "length", "logprobs": None}]
    assert kept["usage"] == usage
    assert "timings" not in kept
