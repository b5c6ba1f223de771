import json

import pytest

from embedtune.llm.completions import tidy
from embedtune.llm.failures import CallError
from embedtune.llm.streams import joined


def events(*parts, done=True):
    lines = [f"data: {json.dumps(part)}" for part in parts] + ["data: [DONE]"] * done
    return ": ping\n\n" + "\n\n".join(lines) + "\n\n"


def delta(finish=None, **fields):
    return {"id": "x", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def test_events_are_joined_with_ending_and_counts():
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    last = {"choices": [], "usage": usage}
    found = joined(
        events(delta(role="assistant"), delta(content="a "), delta(content="word"), delta("length"), last), "choices"
    )
    assert found["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "a word"}, "finish_reason": "length"}
    ]
    assert found["usage"] == usage


def test_thoughts_parts_and_arguments_come_in_pieces_too():
    words = events(delta(reasoning_content="a dr"), delta(reasoning_content="aft"), delta(content=[{"type": "text", "text": "a"}]),
                   delta(content="b"), delta("stop"))  # fmt: skip
    message = json.loads(tidy(words.encode(), "choices"))["choices"][0]["message"]
    assert message["content"] == "ab"
    call = [delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": part}}]) for part in ('{"a"', ": 1}")]
    assert (
        joined(events(*call), "choices")["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        == '{"a": 1}'
    )


def test_lines_of_ollama():
    parts = [{"message": {"content": word}, "done": False} for word in ("a ", "word")]
    end = {"message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 2}
    found = joined("\n".join(map(json.dumps, [*parts, end])), "message")
    assert (found["message"]["content"], found["eval_count"]) == ("a word", 2)


def test_a_stream_that_breaks_off_is_no_answer():
    with pytest.raises(CallError, match="breaks off"):
        joined(events(delta(content="a"), done=False), "choices")


def test_an_error_within_is_told():
    with pytest.raises(CallError, match="no slot"):
        tidy(events(delta(content="a"), {"error": {"message": "no slot"}}).encode(), "choices")


@pytest.mark.parametrize("body", ["", "<html>", "data: x", ": ping", "data: 7", "data: [DONE]"])
def test_what_is_no_stream(body):
    assert joined(body, "choices") is None


def test_words_that_go_on_with_a_text_are_joined():
    parts = (
        {"choices": [{"index": 0, "text": word, "finish_reason": end}]} for word, end in ((" a", None), (" b", "stop"))
    )
    assert joined(events(*parts), "choices")["choices"] == [{"index": 0, "text": " a b", "finish_reason": "stop"}]
