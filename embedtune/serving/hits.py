"""What a retriever returns."""

from __future__ import annotations

from typing import NamedTuple

from embedtune.types import Passage


class Parts(NamedTuple):
    """Where a passage stands in the parts that a system fuses; a part that the system has not, or that missed it, is None.

    Attributes:
        dense: Rank by the model, from 1.
        lexical: Rank by BM25, from 1; None where passage and query share no term.
    """

    dense: int | None
    lexical: int | None


class Hit(NamedTuple):
    """One passage of an answer.

    Attributes:
        passage: The passage.
        score: As in the run files of ``eval``: a cosine, a BM25 score, or a fused score; higher is better.
        rank: From 1.
        parts: Its ranks in what was fused.
    """

    passage: Passage
    score: float
    rank: int
    parts: Parts
