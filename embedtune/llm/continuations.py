"""Prompts that are a text to go on with: examples, and a last one without its answer. Small models read no rules but go on."""

from __future__ import annotations

from collections.abc import Sequence

from embedtune.llm.store import Message

END = "\n"
"""Ends an answer: it is one line."""


def text_to_continue(messages: Sequence[Message]) -> str:
    r"""Return the turns of a call as one text.

    Examples:
        >>> text_to_continue([Message("user", "2 + 2 ="), Message("assistant", "4."), Message("user", "2 + 3 =")])
        '2 + 2 = 4.\n\n2 + 3 ='
    """
    parts = (f" {message.content}\n\n" if message.role == "assistant" else message.content for message in messages)
    return "".join(parts)
