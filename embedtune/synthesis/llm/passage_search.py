"""BM25 among the passages that queries are written about: whether a query finds its passage, and whose a user's query is.

It stands in for the search of the filters while a model is tried, because it needs no vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from embedtune.llm.failures import Outcome
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.ranks import best_rank
from embedtune.synthesis.filters import ROUND_TRIP
from embedtune.synthesis.llm.filters import LlmDraft, filter_by_words
from embedtune.synthesis.llm.replies import read_written
from embedtune.synthesis.llm.session import PlannedCall
from embedtune.synthesis.query_sampler import PassagePool
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.types import Passage, QuerySet

_ENOUGH = 40  # of a user's queries


class PassageSearch:
    """The passages of a pool, indexed when they are first searched."""

    def __init__(self, pool: PassagePool) -> None:
        self._pool = pool

    def n_usable(
        self,
        planned: Sequence[PlannedCall],
        outcomes: Mapping[str, Outcome],
        statistics: CorpusStatistics,
        *,
        max_copied: int,
    ) -> int:
        """Return the number of queries in answers that pass the filters of words and find their passage."""
        drafts = list[LlmDraft]()
        for request, call in planned:
            if answer := outcomes[call.key].answer:
                texts = read_written(call, answer, len(request.wanted)).texts
                drafts += [
                    LlmDraft(text, want.kind, request.passages, call.key)
                    for text, want in zip(texts, request.wanted, strict=True)
                ]
        kept = filter_by_words(drafts, statistics, max_copied=max_copied).kept
        sources = [self._columns(draft.passages[0]) for draft in kept]
        rows = self._bm25.rows(draft.text for draft in kept)
        return sum(best_rank(row, columns) <= ROUND_TRIP for row, columns in zip(rows, sources, strict=True))

    def with_passages(self, queries: Sequence[str], judged: QuerySet | None) -> list[tuple[str, Passage]]:
        """Return some of a user's queries with training passages that answer them: of a judged document, or the best found."""
        split = self._pool.split.of_passage
        usable = np.array([split.get(passage.passage_id) == "train" for passage in self._pool.passages])
        wanted = [(text, usable) for text in queries[:_ENOUGH]]
        for query in judged.queries[:_ENOUGH] if judged else ():
            documents = judged.qrels[query.query_id] if judged else {}
            of_these = np.array([passage.document_id in documents for passage in self._pool.passages])
            wanted.append((query.text, usable & of_these))
        wanted = [(text, columns) for text, columns in wanted if columns.any()]
        scores = self._bm25.rows(text for text, _ in wanted) if wanted else iter(())
        pairs = list[tuple[str, Passage]]()
        for (text, columns), row in zip(wanted, scores, strict=True):
            best = int(np.where(columns, row, -1).argmax())
            if row[best] > 0:
                pairs.append((text, self._pool.passages[best]))
        return pairs

    @cached_property
    def _bm25(self) -> BM25:
        return BM25([passage.full_text for passage in self._pool.passages])

    @cached_property
    def _column(self) -> dict[str, int]:
        return {passage.passage_id: number for number, passage in enumerate(self._pool.passages)}

    def _columns(self, passage: Passage) -> list[int]:
        return [self._column[name] for name in self._pool.copies[passage.passage_id] if name in self._column]
