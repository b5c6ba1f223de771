"""Which queries to ask a language model for: kinds by weight, short and long, some over two passages of one document."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedtune.types import Passage

MULTI_HOP = "multi_hop"
LLM_KINDS = ("question", "keywords", "claim", "task", MULTI_HOP)

_DESCRIPTIONS = {
    "question": ("a natural question, as somebody would ask it", "question"),
    "keywords": ("key words typed into a search box, no sentence", "list of key words"),
    "claim": ("a claim that somebody wants to check", "claim"),
    "task": ("a task or problem that somebody has, described without a question mark", "description of a problem"),
    MULTI_HOP: ("a question that needs a fact from each of the two passages", "question"),
}
_LENGTHS = {"keywords": ("2 to 4 words", "5 to 8 words")}
_LENGTH = ("at most 9 words", "12 to 25 words")


class Wanted(NamedTuple):
    """One query to ask for.

    Attributes:
        kind: One of ``LLM_KINDS``.
        long: Whether it shall be long.
    """

    kind: str
    long: bool

    @property
    def description(self) -> str:
        """What the prompt says about the kind."""
        return _DESCRIPTIONS[self.kind][0]

    @property
    def short(self) -> str:
        """The kind in few words, for small models."""
        return _DESCRIPTIONS[self.kind][1]

    @property
    def length(self) -> str:
        """What the prompt says about the length."""
        return _LENGTHS.get(self.kind, _LENGTH)[self.long]


class Request(NamedTuple):
    """What one call asks for.

    Attributes:
        passages: One passage, or two of one document for ``multi_hop``.
        wanted: The queries, in order.
    """

    passages: tuple[Passage, ...]
    wanted: tuple[Wanted, ...]


def plan_requests(
    passages: Sequence[Passage],
    weights: Mapping[str, float],
    *,
    per_passage: int,
    long_share: float,
    seed: int,
    single_query: bool = False,
) -> list[Request]:
    """Deal kinds and lengths to passages.

    Everything is drawn with a generator seeded by the passage, so a passage is asked the same whatever stands around it; only
    the partner of a ``multi_hop`` query depends on the other passages of its document.

    Args:
        passages: Of one split, in document order.
        weights: Of the kinds; they need not sum to 1. A kind of weight 0 is not asked for.
        per_passage: Queries for each passage.
        long_share: Share of long queries, 0 to 1.
        seed: Another seed deals other kinds.
        single_query: One query for each request, for models that cannot write several.
    """
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document_id, []).append(passage)
    requests = []
    for passage in passages:
        draw = random.Random(f"{seed}:llm:{passage.passage_id}")  # noqa: S311 (reproducible on purpose)
        partner = _partner(passage, by_document[passage.document_id], draw)
        usable = {kind: weight for kind, weight in weights.items() if weight > 0 and (kind != MULTI_HOP or partner)}
        if not usable:
            continue
        kinds = draw.choices(list(usable), list(usable.values()), k=per_passage)
        wanted = [Wanted(kind, draw.random() < long_share) for kind in kinds]
        single = tuple(want for want in wanted if want.kind != MULTI_HOP)
        double = tuple(want for want in wanted if want.kind == MULTI_HOP)
        found = [Request((passage,), single)] if single else []
        if double and partner:
            found.append(Request((passage, partner), double))
        requests += [Request(one.passages, (want,)) for one in found for want in one.wanted] if single_query else found
    return requests


def _partner(passage: Passage, others: Sequence[Passage], draw: random.Random) -> Passage | None:
    """Return another passage of the document, a near one more often than a far one."""
    candidates = [other for other in others if other.passage_id != passage.passage_id and other.text != passage.text]
    chance = draw.random()  # drawn in any case, so that what follows does not depend on the document
    if not candidates:
        return None
    candidates.sort(key=lambda other: (abs(other.start - passage.start), other.passage_id))
    return candidates[int(chance * chance * len(candidates))]
