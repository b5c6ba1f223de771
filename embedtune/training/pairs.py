"""Training pairs: a query and the stretch of text it should find."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from embedtune.text.analyzer import lexical_terms
from embedtune.text.sentences import remove_closest_sentence
from embedtune.types import SYNTHETIC_KINDS, Passage, Query

_KEEP_SHARE = 0.5


class Pair(NamedTuple):
    """One training example, with the column names of sentence-transformers.

    Attributes:
        query_id: The query.
        passage: Index of its passage in the corpus.
        anchor: Text of the query.
        positive: One window of the passage; sometimes without the words the query was drawn from.
    """

    query_id: str
    passage: int
    anchor: str
    positive: str


def build_pairs(
    queries: Sequence[Query],
    positives: Mapping[str, Sequence[int]],
    passages: Sequence[Passage],
    windows: Sequence[Sequence[str]],
    *,
    sentence_dropout: float,
    seed: int,
) -> list[Pair]:
    """Pair each query with the best window of each of its passages.

    A share of the positives loses the sentence that the query resembles most (see ``cloze``), and a heading is paired with a
    window that does not show it. Queries that somebody wrote, a person or a language model, keep their passages whole.

    Args:
        queries: Of the training split.
        positives: Query id → indices of relevant passages.
        passages: The corpus.
        windows: The windows of each passage.
        sentence_dropout: Share of positives, 0 to 1, that lose the resembling sentence.
        seed: Of the draw.
    """
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    pairs = []
    for query in queries:
        for index in positives[query.query_id]:
            positive = _best_window(query.text, windows[index])
            if query.kind in SYNTHETIC_KINDS:
                positive = _without_title(positive, passages[index].title, query.kind)
                if draw.random() < sentence_dropout:
                    positive = remove_closest_sentence(positive, query.text, keep=_KEEP_SHARE)
            pairs.append(Pair(query.query_id, index, query.text, positive))
    return pairs


def _best_window(query: str, windows: Sequence[str]) -> str:
    """Return the window that shares most terms with the query."""
    terms = set(lexical_terms(query))
    return max(windows, key=lambda text: len(terms.intersection(lexical_terms(text))))


def _without_title(window: str, title: str, kind: str) -> str:
    head = f"{title}\n"
    return window[len(head) :] if kind == "heading" and title and window.startswith(head) else window


def conflict_keys(passages: Sequence[Passage], same: Mapping[str, int]) -> list[frozenset[Hashable]]:
    """Return for each passage the keys it may share with no other row of a batch.

    Neighbours of one document and passages that say the same answer each other's queries, so as in-batch negatives they
    would be false.

    Args:
        passages: In document order.
        same: Passage id → number of its group of near-duplicates, for those that are compared.
    """
    keys = []
    for index, passage in enumerate(passages):
        # Odd keys are groups; even keys stand between two neighbours, and each neighbour holds both sides.
        held: set[Hashable] = {2 * index}
        if passage.passage_id in same:
            held.add(2 * same[passage.passage_id] + 1)
        if index + 1 < len(passages) and passages[index + 1].document_id == passage.document_id:
            held.add(2 * (index + 1))
        keys.append(frozenset(held))
    return keys
