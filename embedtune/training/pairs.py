"""Training pairs, and which of them share a batch."""

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
        query_id: Id of the query.
        passage: Index of the passage in the corpus.
        anchor: Text of the query.
        positive: A window of the passage, possibly without the sentence that the query was extracted from.
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
    """Pair each query with the window of each of its passages that shares the most terms with it.

    For extractive queries, a share of the positives loses the sentence that is closest to the query (as in the inverse cloze
    task), and a heading is removed from its own window. The positives of people's and LLM-generated queries stay whole.

    Args:
        queries: Of the training split.
        positives: Query id → indices of relevant passages.
        passages: The corpus.
        windows: The windows of each passage.
        sentence_dropout: Share of these positives, 0 to 1, that lose that sentence.
        seed: Random seed.
    """
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    pairs = []
    for query in queries:
        for index in positives[query.query_id]:
            terms = set(lexical_terms(query.text))
            positive = max(windows[index], key=lambda text: len(terms.intersection(lexical_terms(text))))
            if query.kind in SYNTHETIC_KINDS:
                if query.kind == "heading" and passages[index].title:
                    positive = positive.removeprefix(f"{passages[index].title}\n")
                if draw.random() < sentence_dropout:
                    positive = remove_closest_sentence(positive, query.text, keep=_KEEP_SHARE)
            pairs.append(Pair(query.query_id, index, query.text, positive))
    return pairs


def conflict_keys(passages: Sequence[Passage], same: Mapping[str, int]) -> list[frozenset[Hashable]]:
    """Return the keys of each passage, in document order; passages that share a key must not be in one batch.

    Neighbours in a document and near-duplicates answer each other's queries, so they would be false in-batch negatives.
    ``same`` has the number of its group of near-duplicates for each passage id that was compared.
    """
    keys = []
    for index, passage in enumerate(passages):
        # Odd keys are groups of near-duplicates; even keys are boundaries, and a passage has the one on either side.
        conflicts: set[Hashable] = {2 * index}
        if passage.passage_id in same:
            conflicts.add(2 * same[passage.passage_id] + 1)
        if index + 1 < len(passages) and passages[index + 1].document_id == passage.document_id:
            conflicts.add(2 * (index + 1))
        keys.append(frozenset(conflicts))
    return keys


_BUCKET = 16  # batches in a bucket of rows sorted by length


def make_batches(keys: Sequence[frozenset[Hashable]], batch_size: int, seed: int) -> list[list[int]]:
    """Shuffle rows into full batches in which no two rows share a key, see ``conflict_keys``.

    Every batch has exactly ``batch_size`` rows, so the number of negatives is constant. Rows that fit into no full batch are
    dropped for this epoch.
    """
    order = list(range(len(keys)))
    random.Random(seed).shuffle(order)  # noqa: S311 (reproducible on purpose)
    batches = []
    waiting = order
    while len(waiting) >= batch_size:
        batch: list[int] = []
        rest: list[int] = []
        in_batch: set[Hashable] = set()
        for position, row in enumerate(waiting):
            if len(batch) == batch_size:
                rest += waiting[position:]
                break
            if in_batch.isdisjoint(keys[row]):
                batch.append(row)
                in_batch |= keys[row]
            else:
                rest.append(row)
        if len(batch) < batch_size:
            break
        batches.append(batch)
        waiting = rest
    return batches


def plan_epochs(keys: Sequence[frozenset[Hashable]], batch_size: int, n_steps: int, seed: int) -> list[list[int]]:
    """Return ``n_steps`` batches; each epoch is shuffled anew. Empty if not one batch can be filled without a conflict."""
    batches: list[list[int]] = []
    epoch = 0
    while len(batches) < n_steps:
        fresh = make_batches(keys, batch_size, seed + epoch)
        if not fresh:
            break
        batches += fresh
        epoch += 1
    return batches[:n_steps]


def plan_rows(lengths: Sequence[int], batch_size: int, epochs: int, seed: int) -> list[list[int]]:
    """Shuffle rows without conflicts into full batches, for all epochs; the remainder of an epoch is dropped.

    Batches are bucketed by the lengths of the texts, because padding costs as much as text. Where there are fewer rows than a
    batch holds, each epoch is one batch.
    """
    batch_size = min(batch_size, len(lengths))
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    planned = []
    for _ in range(epochs):
        order = list(range(len(lengths)))
        draw.shuffle(order)
        batches: list[list[int]] = []
        for start in range(0, len(order), _BUCKET * batch_size):
            bucket = sorted(order[start : start + _BUCKET * batch_size], key=lambda row: lengths[row])
            batches += [bucket[first : first + batch_size] for first in range(0, len(bucket), batch_size)]
        batches = [batch for batch in batches if len(batch) == batch_size]
        draw.shuffle(batches)
        planned += batches
    return planned
