"""Which passages and queries are measured: enough to tell, few enough for minutes.

Reading, cutting and drawing as ``generate`` does it, for a look and not for keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from embedtune.retrieval.searcher import Units, units_of
from embedtune.types import Passage, QuerySet


class Bounds(NamedTuple):
    """How much is measured at most.

    Attributes:
        passages: Passages that are searched.
        tokens: Tokens of these.
        queries: Queries that judge.
    """

    passages: int
    tokens: int
    queries: int


TokenCounts = Callable[[Sequence[str]], list[int]]

MAX_ANSWERS = 5
"""Relevant passages or documents of one query that are in the sample for certain; with more there is room for fewer queries."""

_ANSWER_SHARE = 0.6  # of the sample at most, so that there is something else to find


@dataclass(frozen=True)
class Sample:
    """Passages, and queries whose answers are among them.

    Attributes:
        passages: In document order.
        judged: Queries that judge, with the judgements of what is in the sample.
        units: What these judge.
        tokens: Of all passages.
    """

    passages: list[Passage]
    judged: QuerySet
    units: Units
    tokens: int


def draw_sample(
    passages: Sequence[Passage], judged: QuerySet, token_counts: TokenCounts, bounds: Bounds, seed: int
) -> Sample:
    """Draw queries at random while their answers find room, then other passages.

    Of a query with very many answers five are taken; the others may come by chance, and what does not come is not judged.

    Args:
        passages: Of the corpus, or of a sample of it.
        judged: Queries with judgements of passages or documents.
        token_counts: By the embedder's tokenizer.
        bounds: See ``Bounds``.
        seed: Another seed draws others.
    """
    draw = np.random.default_rng(seed)
    tokens = token_counts([passage.full_text for passage in passages])
    members = _members(passages, judged.judged_unit)
    room = _Room(tokens, bounds)
    asked: set[str] = set()
    for number in draw.permutation(len(judged.queries)).tolist():
        query_id = judged.queries[number].query_id
        answers = [member for unit in _best_answers(judged, query_id, members) for member in members[unit]]
        if answers and room.take_all(answers, _ANSWER_SHARE):
            asked.add(query_id)
        if len(asked) == bounds.queries:
            break
    for number in draw.permutation(len(passages)).tolist():
        room.take_all([number], 1.0)
    chosen = [passages[number] for number in sorted(room.taken)]
    return Sample(chosen, _restricted(judged, asked, chosen), units_of(chosen, judged.judged_unit), room.tokens)


class _Room:
    """What has been taken, and whether more fits."""

    def __init__(self, tokens: Sequence[int], bounds: Bounds) -> None:
        self.taken: set[int] = set()
        self.tokens = 0
        self._each = tokens
        self._bounds = bounds

    def take_all(self, numbers: Sequence[int], share: float) -> bool:
        """Take passages if they fit into a share of the bounds; the first may be as large as it is."""
        new = set(numbers) - self.taken
        tokens = self.tokens + sum(self._each[number] for number in new)
        n_passages = len(self.taken) + len(new)
        if self.taken and (n_passages > share * self._bounds.passages or tokens > share * self._bounds.tokens):
            return not new
        self.taken |= new
        self.tokens = tokens
        return True


def _members(passages: Sequence[Passage], judged_unit: str) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        members.setdefault(passage.passage_id if judged_unit == "passage" else passage.document_id, []).append(number)
    return members


def _best_answers(judged: QuerySet, query_id: str, members: dict[str, list[int]]) -> list[str]:
    grades = judged.qrels[query_id]
    known = [unit for unit, grade in grades.items() if grade > 0 and unit in members]
    return sorted(known, key=lambda unit: -grades[unit])[:MAX_ANSWERS]


def _restricted(judged: QuerySet, asked: set[str], chosen: Sequence[Passage]) -> QuerySet:
    held = {passage.passage_id if judged.judged_unit == "passage" else passage.document_id for passage in chosen}
    queries = [query for query in judged.queries if query.query_id in asked]
    qrels = {
        query.query_id: {unit: grade for unit, grade in judged.qrels[query.query_id].items() if unit in held}
        for query in queries
    }
    return QuerySet(judged.name, queries, qrels, judged.judged_unit)
