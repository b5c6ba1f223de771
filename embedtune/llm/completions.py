"""What is used of a completion: the text of its message, how it ended, and counts of tokens that can be true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from embedtune.llm.cost import known_count
from embedtune.llm.failures import CallError, meaning
from embedtune.llm.streams import joined

_MAX_WORDS = 200
_MAX_THOUGHT = 4_000
_THOUGHT = ("reasoning_content", "reasoning", "thinking")


def message_text(message: Mapping[str, Any]) -> str | None:
    """Return the text of a message: a string, a list of parts, or the arguments of a call of a tool; None if it has none.

    What a model thought is in fields and parts of its own and no text; where there is nothing else, it is returned behind an
    opening tag, so that it is read as thought. Raises ``CallError`` for any other form.
    """
    content = message.get("content")
    texts, thoughts = list[str](), [message[name] for name in _THOUGHT if isinstance(message.get(name), str)]
    for part in content if isinstance(content, list) else [] if content is None else [content]:
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise CallError("bad_response", f"a message that is no text: {_shown(content)}")
        elif isinstance(part.get("text"), str) and part["type"] in ("text", "output_text"):
            texts.append(part["text"])
        else:
            thoughts.append(_shown(part))
    text = "".join(texts) or "".join(_arguments(message))
    thought = "".join(thoughts).strip()
    if not text.strip() and thought:
        return f"<think>{thought[:_MAX_THOUGHT]}"
    return None if content is None and not text else text


def _arguments(message: Mapping[str, Any]) -> list[str]:
    """Return the arguments of a message's calls of tools as JSON: some models answer so though they were given none."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    values = [function.get("arguments") for function in functions if isinstance(function, dict)]
    return [value if isinstance(value, str) else json.dumps(value) for value in values if isinstance(value, str | dict)]


def tidy(body: bytes, form: str) -> bytes:
    """Return what is used of a chat's answer, or of a text's continuation, whole or a stream.

    That is text, ending and possible counts of tokens. Raises ``CallError`` if it is none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        words = body.decode("utf-8", "replace")
        value = joined(words, form)
        if value is None:
            raise CallError("bad_response", f"no JSON but {_shown(words)}") from None
    if not isinstance(value, dict):
        raise CallError("bad_response", f"no object but {_shown(value)}")
    choice = _choice(value) if form == "choices" else value
    if isinstance(choice.get("text"), str) and "message" not in choice:
        return json.dumps(_continuation(value, choice)).encode()
    message = choice.get("message")
    if not isinstance(message, dict):
        raise _error_in(value) or CallError("bad_response", f"an answer without {form}: {_shown(value)}")
    refusal = message.get("refusal")
    if not isinstance(refusal, str | None):
        raise CallError("bad_response", f"a message that is no text: {_shown(message)}")
    said = {"role": "assistant", "content": message_text(message), "refusal": refusal}
    kept = _about(value)
    if form == "choices":
        choices = [{"index": 0, "message": said, "finish_reason": _ending(choice)}]
        kept |= {"object": "chat.completion", "choices": choices, **_usage(value.get("usage"))}
    else:
        ended = {name: value[name] for name in ("done", "done_reason") if isinstance(value.get(name), str | bool)}
        counts = {name: known_count(value.get(name)) for name in ("prompt_eval_count", "eval_count")}
        kept |= {"message": said, **ended, **{name: count for name, count in counts.items() if count is not None}}
    return json.dumps(kept).encode()


def _continuation(value: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    choices = [{"index": 0, "text": choice["text"], "finish_reason": _ending(choice), "logprobs": None}]
    return {**_about(value), "object": "text_completion", "choices": choices, **_usage(value.get("usage"))}


def _about(value: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "created", "created_at", "model")
    return {name: value[name] for name in names if isinstance(value.get(name), str | int)}


def _ending(choice: Mapping[str, Any]) -> str:
    ending = choice.get("finish_reason")
    return ending if isinstance(ending, str) else "stop"


def _choice(value: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _usage(usage: object) -> dict[str, object]:
    if not isinstance(usage, dict):
        return {}
    prompt, completion = known_count(usage.get("prompt_tokens")), known_count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return {}
    total = prompt + completion
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}}


def _error_in(value: Mapping[str, Any]) -> CallError | None:
    """Return the error that a server reports in an answer: OpenAI's, vLLM's, FastAPI's and Ollama's forms."""
    error = value.get("error") or value.get("detail") or (value if value.get("object") == "error" else None)
    if not error:
        return None
    words, code = error, None
    if isinstance(error, dict):
        words, code = error.get("message") or error, error.get("code") or error.get("status")
    text = words if isinstance(words, str) else _shown(words)
    kind, scope = meaning(code, text) if isinstance(code, int) and code >= 400 else ("server", "again")
    return CallError(kind, text, scope=scope)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text[:_MAX_WORDS])
