"""The tokens that an answer may have, by how many characters a token of this model had so far.

Plans count on ``CHARS_PER_TOKEN``. A model's own tokens are longer in most languages, which lets a loop run on, and shorter in
scripts that it hardly knows, which cuts good answers off.
"""

from __future__ import annotations

from collections import deque

from embedtune.llm.store import Answer, Call

CHARS_PER_TOKEN = 2.5
_ENOUGH = 8  # answers
_MARGIN = 1.25
_LEAST, _MOST = 0.6, 5.0  # times what was planned


class Room:
    """Measures the last answers of one model."""

    def __init__(self, *, adapts: bool) -> None:
        """Take the plan's number of tokens as it is unless ``adapts``: a user may have set it."""
        self._adapts = adapts
        self._chars: deque[float] = deque(maxlen=100)  # a token, of each answer

    def of(self, call: Call) -> int:
        """Return the tokens that the answer of a call may have."""
        planned = int(call.params["max_tokens"])
        planned_by_chars = call.schema is not None or call.continues  # a tuned writer's tokens were counted
        if not self._adapts or not planned_by_chars or len(self._chars) < _ENOUGH:
            return planned
        shortest = sorted(self._chars)[len(self._chars) // 10]  # of ten answers one may have shorter tokens
        return round(planned * min(_MOST, max(_LEAST, _MARGIN * CHARS_PER_TOKEN / max(shortest, 0.1))))

    def measure(self, answer: Answer) -> None:
        """Count an answer; one with hardly a token tells nothing."""
        if answer.completion_tokens >= 4 and answer.text:
            self._chars.append(len(answer.text) / answer.completion_tokens)
