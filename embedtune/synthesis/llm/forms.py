"""The forms in which a model is asked for queries: a list, one query a call, or a text with examples that it goes on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from embedtune.synthesis.llm.prompts import MULTI_HOP, Request, Wanted
from embedtune.synthesis.llm.session import LlmSettings, PlannedCall
from embedtune.synthesis.llm.shots import Shot, packaged, turns

LIST, SINGLE, EXAMPLES, OWN_EXAMPLES = "list", "single", "examples", "own_examples"


class Forms:
    """Turns a plan, which asks for lists, into calls of other forms."""

    def __init__(self, settings: LlmSettings, own: Sequence[Shot], seed: int) -> None:
        """Take examples from the user's own queries; without any that form is left out."""
        self._settings = settings
        self._own = list(own)
        self._seed = seed
        examples = [EXAMPLES, OWN_EXAMPLES] if own else [EXAMPLES]
        self.others = [SINGLE, *([] if settings.config.templates else examples)]
        """Besides the list; a user who has templates has said how a model is to be asked."""

    def arrange(self, planned: Sequence[PlannedCall], form: str, but: Mapping[str, str]) -> list[PlannedCall]:
        """Return the calls of a form for a plan, in its order; ``but`` names other forms by the keys of planned calls."""
        seen = Counter[tuple[str, str]]()  # calls by passage and kind: no two of them have the same prompt
        found = list[PlannedCall]()
        for request, call in planned:
            chosen = but.get(call.key, form)
            if chosen == LIST:
                found.append(PlannedCall(request, call))
                continue
            for want in request.wanted:
                single = Request(request.passages, (want,))
                if chosen == SINGLE:
                    found.append(PlannedCall(single, self._settings.write(single)))
                else:
                    found.append(self._by_examples(single, seen, own=chosen == OWN_EXAMPLES))
        return found

    def _by_examples(self, request: Request, seen: Counter[tuple[str, str]], *, own: bool) -> PlannedCall:
        """Return the call for a query of one passage; one over two passages becomes a question over the first."""
        passage, (want,) = request.passages[0], request.wanted
        want = Wanted("question" if want.kind == MULTI_HOP else want.kind, long=False)
        place = (passage.passage_id, "" if own else want.kind)
        shots, kind = (self._own, None) if own else (packaged(want.kind), want.kind)
        messages = turns(shots, passage, kind, seed=self._seed, number=seen[place])
        seen[place] += 1
        return PlannedCall(Request((passage,), (want,)), self._settings.go_on(messages, want))
