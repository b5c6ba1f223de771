"""A short trial of how a model is best asked, for models that write few usable lists; what it is answered is used.

A few lists are asked for first. Where half of their queries can be used, nothing else is tried: a model that follows rules is
asked as ever. Otherwise a few passages are asked about in each other form, one form after the other so that none waits for
another's calls, and the form with most usable queries a second takes the rest. A run that is gone on with keeps to the form
that it has begun with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from embedtune.llm.failures import Outcome
from embedtune.synthesis.llm.forms import LIST, SINGLE, Forms
from embedtune.synthesis.llm.session import PlannedCall
from embedtune.text.hashing import fingerprint

_LISTS, _SINGLE, _EXAMPLES = 4, 2, 4  # passages
_PRIOR = 0.5  # of a usable query: one more or less in so few decides nothing where the time differs much
_GOOD = 0.5  # of the queries of the lists
_PROMPT_SHARE = 0.25  # of the time of a written token that one of a prompt takes, where seconds are not known
_log = logging.getLogger("embedtune")

Ask = Callable[[Sequence[PlannedCall]], Mapping[str, Outcome]]
"""Asks what waits, and returns the states of these calls by key."""

Count = Callable[[Sequence[PlannedCall], Mapping[str, Outcome]], int]
"""Returns the number of usable queries in answers."""


class Chosen(NamedTuple):
    """How a model is asked."""

    form: str  # the form of all calls but those of the trial
    planned: list[PlannedCall]  # all calls, in the order of the plan


class Trial:
    """The trial of a plan: some of its passages by form."""

    def __init__(
        self, planned: Sequence[PlannedCall], forms: Forms, seed: int, *, is_for_trial: Callable[[PlannedCall], bool]
    ) -> None:
        """Draw passages for each form among those that ``is_for_trial`` allows; a plan of few is not tried."""
        self._planned = planned
        self._forms = forms
        usable = [
            each
            for each in planned
            if is_for_trial(each) and len(each.request.passages) == 1 < len(each.request.wanted)
        ]
        drawn = sorted(usable, key=lambda each: fingerprint(f"{seed}:trial:{each.call.key}"))
        sizes = {LIST: _LISTS} | {form: _SINGLE if form == SINGLE else _EXAMPLES for form in forms.others}
        self.is_possible = sum(sizes.values()) <= min(len(drawn), len(planned) // 2)
        self._slices = dict[str, list[PlannedCall]]()
        for form, size in sizes.items():
            self._slices[form], drawn = drawn[:size], drawn[size:]
        self._form_of = {each.call.key: form for form, slice_ in self._slices.items() for each in slice_}

    def begun(self, outcomes: Callable[[Sequence[PlannedCall]], Mapping[str, Outcome]]) -> Chosen | None:
        """Return the form in which calls beyond the trial were asked before, by the states of calls; None if there are none."""
        rest = [each for each in self._planned if each.call.key not in self._form_of]
        settled = {form: self._n_settled(self._forms.arrange(rest, form, {}), outcomes) for form in self._slices}
        form = max(settled, key=lambda name: settled[name])
        if not settled[form]:
            return None
        tried = sum(self._n_settled(self._calls(other), outcomes) for other in self._forms.others)
        return self._chosen(form, tried=tried > 0)

    def run(self, ask: Ask, usable: Count, seconds: Mapping[str, float]) -> Chosen:
        """Ask in the forms that must be tried; ``seconds`` holds what calls took, by key, as they are answered."""
        lists = self._calls(LIST)
        outcomes = {LIST: ask(lists)}
        counts = {LIST: usable(lists, outcomes[LIST])}
        n_wanted = sum(len(each.request.wanted) for each in lists)
        if counts[LIST] >= _GOOD * n_wanted:
            return self._chosen(LIST, tried=False)
        for form in self._forms.others:
            planned = self._calls(form)
            outcomes[form] = ask(planned)
            counts[form] = usable(planned, outcomes[form])
        spent = _spent(outcomes, seconds)
        rates = {form: (counts[form] + _PRIOR) / max(spent[form], 1e-9) for form in counts}
        best = max(rates, key=lambda form: rates[form])
        told = ", ".join(f"{form} {counts[form]} in {spent[form]:.0f}" for form in rates)
        _log.info(
            "write queries: %d of %d of a list can be used; usable queries in seconds of calls: %s; the rest is asked by %s",
            counts[LIST], n_wanted, told, best,
        )  # fmt: skip
        return self._chosen(best, tried=True)

    def _calls(self, form: str) -> list[PlannedCall]:
        return self._forms.arrange(self._slices[form], form, {})

    def _chosen(self, form: str, *, tried: bool) -> Chosen:
        but = self._form_of if tried else {each.call.key: LIST for each in self._slices[LIST]}
        return Chosen(form, self._forms.arrange(self._planned, form, but))

    @staticmethod
    def _n_settled(planned: Sequence[PlannedCall], outcomes: Callable[..., Mapping[str, Outcome]]) -> int:
        return sum(not outcome.waits for outcome in outcomes(planned).values())


def _spent(outcomes: Mapping[str, Mapping[str, Outcome]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return what each form took: seconds, or tokens where some of the answers are from an earlier run."""
    if all(key in seconds for states in outcomes.values() for key in states):
        return {form: sum(seconds[key] for key in states) for form, states in outcomes.items()}
    answers = {form: [state.answer for state in states.values() if state.answer] for form, states in outcomes.items()}
    return {
        form: sum(answer.completion_tokens + _PROMPT_SHARE * answer.prompt_tokens for answer in found)
        for form, found in answers.items()
    }
