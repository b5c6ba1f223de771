"""The fused search over the passages that queries were generated from, and further relevant passages among its top ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from embedtune.config.settings import LlmConfig
from embedtune.models.cross_encoder import load_cross_encoder
from embedtune.progress import track
from embedtune.retrieval.searcher import HybridSearcher
from embedtune.synthesis.llm.answer_form import RELEVANT
from embedtune.synthesis.llm.filters import LlmDraft
from embedtune.synthesis.llm.session import LlmSession, LlmSettings
from embedtune.types import Matrix, Passage


class FusedSearch(HybridSearcher):
    """Ranks passages by a fused search, with the default weight, because neither side has been measured yet."""

    def top(self, queries: Sequence[str], depth: int) -> Iterator[list[int]]:
        """Yield the numbers of the best passages of each query, best first."""
        for block in self._scores(queries):
            yield from np.argsort(-block, axis=1, kind="stable")[:, :depth].tolist()

    def ranks(self, queries: Sequence[str], wanted: Sequence[Sequence[Sequence[int]]]) -> list[int]:
        """Return the rank, from 1, of the worst placed source of each query.

        For each query, ``wanted`` has its sources; for each source the numbers of its passage and the copies.
        """
        ranks: list[int] = []
        for block in self._scores(queries):
            for row in block:
                sources = wanted[len(ranks)]
                best = [row[list(columns)].max() for columns in sources]
                ranks.append(int((row > min(best)).sum()) + 1)
        return ranks

    def _scores(self, queries: Sequence[str]) -> Iterator[Matrix]:
        with track("search queries", len(queries)) as on_progress:
            for _, scores in self.blocks(queries, self.encoder.encode_queries(queries)):
                yield scores.z_score_sum
                on_progress(len(scores.z_score_sum))


DEPTH = 10

Answers = list[list[str]]
"""For each query the ids of passages that answer it besides its sources."""


def further_answers(
    drafts: Sequence[LlmDraft],
    search: FusedSearch,
    settings: LlmSettings,
    session: LlmSession,
    copies: Mapping[str, Sequence[str]],
) -> Answers:
    """Grade the first ten passages of a fused search for each query by the model or a cross-encoder.

    Its sources and their copies are not graded: they are known to answer it.
    """
    candidates = []
    for draft, numbers in zip(drafts, search.top([draft.text for draft in drafts], DEPTH), strict=True):
        known = {name for passage in draft.passages for name in copies[passage.passage_id]}
        passages = [search.passages[number] for number in numbers]
        candidates.append([passage for passage in passages if passage.passage_id not in known])
    if settings.config.relabel == "llm":
        return _by_llm(drafts, candidates, settings, session)
    return _by_cross_encoder(drafts, candidates, settings.config)


def _by_llm(
    drafts: Sequence[LlmDraft], candidates: Sequence[Sequence[Passage]], settings: LlmSettings, session: LlmSession
) -> Answers:
    """Take the passages that the model graded as answers; a call that failed adds none."""
    calls = [
        settings.relabel(draft.text, passages) if passages else None
        for draft, passages in zip(drafts, candidates, strict=True)
    ]
    sizes = [(call, len(passages)) for call, passages in zip(calls, candidates, strict=True) if call]
    grades_of = session.ask_grades(sizes, RELEVANT, "relabel")
    answers: Answers = []
    for call, passages in zip(calls, candidates, strict=True):
        grades = (grades_of[call.key] if call else None) or []
        answers.append(
            [passage.passage_id for passage, grade in zip(passages, grades, strict=False) if grade == RELEVANT]
        )
    return answers


def _by_cross_encoder(
    drafts: Sequence[LlmDraft], candidates: Sequence[Sequence[Passage]], config: LlmConfig
) -> Answers:
    """Take the passages that score at least as high as the weakest of the query's own sources."""
    score = load_cross_encoder(config.cross_encoder, "llm.cross_encoder")
    answers: Answers = []
    with track("relabel", len(drafts)) as on_progress:
        for draft, passages in zip(drafts, candidates, strict=True):
            texts = [passage.full_text for passage in (*draft.passages, *passages)]
            scores = score([(draft.text, text) for text in texts]).tolist()
            bar = min(scores[: len(draft.passages)])
            others = zip(passages, scores[len(draft.passages) :], strict=True)
            answers.append([passage.passage_id for passage, score in others if score >= bar])
            on_progress(1)
    return answers
