"""What is sent to a language model, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedtune.hashing import hash_json


class Message(NamedTuple):
    """One message of a chat; ``role`` is ``system`` or ``user``."""

    role: str
    content: str


class Call(NamedTuple):
    """One request to a language model.

    Attributes:
        key: Hash of model, messages and sampling parameters: equal calls are sent once.
        model: Name of the model.
        messages: The exact prompt.
        params: Sampling parameters by name.
        purpose: What the answer is for: ``write``, ``judge`` or ``relabel``.
    """

    key: str
    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, float]
    purpose: str


class Answer(NamedTuple):
    """What a model said.

    Attributes:
        text: Its words.
        finish: Why it ended: ``stop``, ``length`` (cut off at the limit) or ``refusal`` (the provider's own filter).
        prompt_tokens: As counted by the provider, or estimated.
        completion_tokens: As counted by the provider, or estimated.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0


def make_call(model: str, messages: Sequence[Message], params: Mapping[str, float], purpose: str) -> Call:
    """Build a call; its key depends on model, messages and parameters alone."""
    key = hash_json([model, [list(message) for message in messages], dict(params)])
    return Call(key, model, tuple(messages), dict(params), purpose)
