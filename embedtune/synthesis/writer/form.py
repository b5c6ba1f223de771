"""The form in which a tuned writer is asked: the same words before every passage, in tuning and in use."""

from __future__ import annotations

from collections.abc import Sequence

from embedtune.llm.cost import estimate_tokens
from embedtune.llm.store import Message
from embedtune.synthesis.llm.prompts import Request, Wanted
from embedtune.types import Passage

LEARNED = "learned"
"""The kind of a tuned writer's queries: whatever kinds people's queries are."""

_PASSAGE_TOKENS = 120  # that a writer reads, by estimate; what a long passage is about stands mostly at its start
_QUESTION = "Write a search query that this text answers."


def writer_prompt(text: str) -> list[Message]:
    """Return the messages that ask for a query of a text, title included."""
    return [Message("user", f"{_QUESTION}\n\n{shortened(text)}\n\nSearch query:")]


def shortened(text: str) -> str:
    """Return the first words of a text, as many as a writer reads, on one line."""
    words, n_tokens = list[str](), 0
    for word in text.split():
        n_tokens += estimate_tokens(word)
        if n_tokens > _PASSAGE_TOKENS and words:
            break
        words.append(word)
    return " ".join(words)


def plan_writing(passages: Sequence[Passage], per_passage: int) -> list[tuple[Request, int]]:
    """Return so many requests for each passage, with a number of their own, which goes into the seed."""
    wanted = (Wanted(LEARNED, False),)
    return [(Request((passage,), wanted), number) for passage in passages for number in range(per_passage)]
