"""What becomes of a model's queries while its answers come: how many are kept, why others are dropped, when to stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from embedtune.errors import ProviderError
from embedtune.llm.store import Answer, Call
from embedtune.redaction import hide_known
from embedtune.shown import quoted_for_python
from embedtune.synthesis.llm.filters import LlmDraft, WordFilter
from embedtune.synthesis.llm.prompts import Request
from embedtune.synthesis.llm.replies import BROKEN, CUT_OFF, EMPTY, GARBLED, ONLY_THOUGHTS, WRONG_COUNT, read_written

ENOUGH = 24
"""Answers without one query that can be used after which a model is not asked further."""

_SHOWN, _SHOWN_CHARS = 3, 240
_FORM = "a larger model, or a server that holds it to a JSON schema (OpenAI, vLLM, llama.cpp and Ollama do)"
_ROOM = "--set llm.max_tokens=4096 if the model thinks before it answers, or switch its thinking off on the server"
_HELP = {
    CUT_OFF: _ROOM, ONLY_THOUGHTS: _ROOM, BROKEN: _FORM, WRONG_COUNT: _FORM, EMPTY: _FORM, GARBLED: _FORM,
    "refusal": "another model, or a prompt of your own (embedtune templates FOLDER)",
    "copied": "a larger model, or --set llm.max_copied=8",
    "other_language": "a model that knows the language of the documents",
    "instructions": "another model: its queries speak to a model",
}  # fmt: skip


class LiveTally:
    """Counts queries by the filters that need no search, in the order in which the answers come.

    The filters run again over all queries in the order of the plan: what they count then is what the record holds.
    """

    def __init__(self, requests: Mapping[str, Request], word_filter: WordFilter) -> None:
        """Count for these requests by the keys of their calls."""
        self.requests = dict(requests)  # of all calls that may be counted
        self._filter = word_filter
        self._answers: list[tuple[str, str]] = []  # a reason why nothing of it is kept, and the text
        self.kept = 0
        self.n_answers = 0
        self.dropped: Counter[str] = Counter()  # queries by filter
        self.rejected: Counter[str] = Counter()  # answers by fault

    def add(self, call: Call, answer: Answer) -> None:
        """Count an answer."""
        request = self.requests[call.key]
        reading = read_written(call, answer, len(request.wanted))
        self.n_answers += 1
        if reading.fault:
            self.rejected[reading.fault] += 1
            self._answers.append((reading.fault, answer.text))
            return
        reasons = list[str]()
        for text, want in zip(reading.texts, request.wanted, strict=True):
            if fault := self._filter.fault_of(LlmDraft(text, want.kind, request.passages, call.key)):
                reasons.append(fault)
        self.dropped.update(reasons)
        self.kept += len(reading.texts) - len(reasons)
        if len(reasons) == len(reading.texts):
            self._answers.append((reasons[0], answer.text))

    def require_use(self, model: str) -> None:
        """Raise ``ProviderError`` with three answers if so many have come and not one query can be used."""
        if self.kept or self.n_answers < ENOUGH:
            return
        reasons = Counter(reason for reason, _ in self._answers)
        most = reasons.most_common(1)[0][0]
        chosen = {reason: (reason, text) for reason, text in reversed(self._answers)}
        examples = ([chosen[reason] for reason, _ in reasons.most_common()] + self._answers[1:])[:_SHOWN]
        shown = "".join(f"\n  {reason}: {_quoted(text)}" for reason, text in examples)
        raise ProviderError(
            f"{model}: expected a query that can be used in {self.n_answers} answers, found none: {listed(reasons)}; "
            f"such as{shown}",
            hint=f"{_HELP.get(most, 'a larger model; --limit 10 is enough to try one')}; every answer is kept",
        )

    def __str__(self) -> str:
        parts = [f"{self.kept} queries kept"]
        if self.dropped:
            parts.append(f"{self.dropped.total()} dropped ({listed(self.dropped)})")
        if self.rejected:
            parts.append(f"{self.rejected.total()} answers rejected ({listed(self.rejected)})")
        return ", ".join(parts)


def listed(counts: Mapping[str, int]) -> str:
    """Return counts in words, the largest first."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count)


def _quoted(text: str) -> str:
    text = hide_known(text)
    return quoted_for_python(text[:_SHOWN_CHARS]) + ("…" if len(text) > _SHOWN_CHARS else "")
