"""Tokens and money: estimates before, a tracker while calls run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from embedtune.llm.store import MOST_TOKENS, Answer, Call

_CHARS_PER_TOKEN = 4.0  # of English; estimates only, the provider's own counts are what is recorded
_MILLION = 1_000_000


class CostLimitError(Exception):
    """The next call might cost more than is left."""


class Prices(NamedTuple):
    """Prices of a million tokens; None where unknown."""

    input: float | None
    output: float | None

    @property
    def known(self) -> bool:
        """Whether both are known."""
        return self.input is not None and self.output is not None

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of so many tokens; unknown prices count 0."""
        return ((self.input or 0.0) * prompt_tokens + (self.output or 0.0) * completion_tokens) / _MILLION


def known_count(value: object) -> int | None:
    """Return a count of tokens that a provider gave, or None where it is none or cannot be true."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def estimate_tokens(text: str) -> int:
    """Return an estimate of a text's tokens, an upper bound for most scripts."""
    wide = sum(ord(character) > 0x2E80 for character in text)  # Chinese, Japanese: about one token a character
    return int((len(text) - wide) / _CHARS_PER_TOKEN + wide) + 1


def prompt_tokens(call: Call) -> int:
    """Return an estimate of the tokens of a call's prompt."""
    return sum(estimate_tokens(message.content) + 4 for message in call.messages)


class CostTracker:
    """Counts the tokens of all answers so far and their price, and keeps it under a limit."""

    def __init__(
        self, prices: Prices, *, max_cost: float | None, prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        """Start from the tokens of earlier answers; ``max_cost`` is in the currency of the prices, None is no limit."""
        self._prices = prices
        self._max_cost = max_cost
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens
        self._reserved = 0.0
        self._in_flight = 0
        self._released = asyncio.Condition()

    @property
    def cost(self) -> float:
        """What all answers so far have cost."""
        return self._prices.of(self.prompt_tokens, self.completion_tokens)

    def add(self, answer: Answer) -> None:
        """Count an answer, used or not."""
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens

    @asynccontextmanager
    async def reserve(self, call: Call, max_tokens: int) -> AsyncIterator[None]:
        """Reserve the maximal cost of a call while it is in flight; wait while other calls have reserved what is left.

        Raises ``CostLimitError`` if nothing is in flight and the call might still cost more than is left.
        """
        if self._max_cost is None:
            yield
            return
        most = self._prices.of(prompt_tokens(call), max_tokens)
        async with self._released:
            while self.cost + self._reserved + most > self._max_cost:
                if not self._in_flight:
                    raise CostLimitError
                await self._released.wait()
            self._reserved += most
            self._in_flight += 1
        try:
            yield
        finally:
            async with self._released:
                self._in_flight -= 1
                self._reserved = self._reserved - most if self._in_flight else 0.0
                self._released.notify_all()
