"""Answers that come word by word, joined: OpenAI's events (``data: {…}``) and Ollama's lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from embedtune.llm.failures import CallError

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning", "thinking")
_DONE = "[DONE]"


def joined(body: str, form: str) -> dict[str, Any] | None:
    """Return the whole answer that a stream spells, or the part that reports an error; None if it is no stream.

    ``form`` is the field that holds the message: ``choices`` or ``message``. Raises ``CallError`` if the stream breaks off.
    """
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant"}
    words: list[str] | None = None  # of a text's continuation
    ending, ended, seen = None, False, False
    for part in _parts(body):
        if part is None:
            return None
        if part == _DONE:
            ended = True
            continue
        if not isinstance(part, dict) or part.get("error"):
            return part if isinstance(part, dict) else None
        seen = True
        choice = _first(part) if form == "choices" else part
        _add(message, choice.get("delta") or choice.get("message"))
        if isinstance(choice.get("text"), str):
            words = [*(words or ()), choice["text"]]
        whole |= {
            name: value for name, value in part.items() if name not in ("choices", "message") and value is not None
        }
        if choice.get("finish_reason") or part.get("done") is True:
            ending, ended = choice.get("finish_reason"), True
    if not seen:
        return None
    if not ended:
        raise CallError("connection", "an answer that breaks off while it is written")
    said = {"message": message} if words is None else {"text": "".join(words)}
    choice = {"index": 0, **said, "finish_reason": ending or "stop"}
    return {**whole, "choices": [choice]} if form == "choices" else {**whole, "message": message}


def _parts(body: str) -> Iterator[Any]:
    """Yield the values of a stream, ``[DONE]`` as it is, and None for a line that is none."""
    for line in body.splitlines():
        text = line.strip()
        if not text or text.startswith((":", "event:", "id:", "retry:")):
            continue
        text = text.removeprefix("data:").strip()
        if text == _DONE:
            yield _DONE
            continue
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            yield None


def _first(part: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = part.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _add(message: dict[str, Any], delta: object) -> None:
    if not isinstance(delta, dict):
        return
    for name in _TEXTS:
        value = delta.get(name)
        if isinstance(value, str):
            before = message.get(name)
            message[name] = [*before, value] if isinstance(before, list) else (before or "") + value
        elif isinstance(value, list):
            message[name] = [
                *([message[name]] if isinstance(message.get(name), str) else message.get(name) or []),
                *value,
            ]
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            _add_arguments(message.setdefault("tool_calls", [{"function": {"arguments": ""}}])[0]["function"], function)


def _add_arguments(function: dict[str, Any], more: Mapping[str, Any]) -> None:
    value = more.get("arguments")
    if isinstance(value, str):
        function["arguments"] += value
    elif isinstance(value, dict):
        function["arguments"] += json.dumps(value)
