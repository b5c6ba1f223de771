"""Judged queries as pairs of passage and query, from which a writer learns."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from embedtune.types import Document, QuerySet, Source

LEARNED_FROM = ("train", "dev")
"""Splits whose queries a writer may see; never those of test."""

_LEAST_CHARS = 500  # of a passage around a judged text, which may be an answer of three words
_MOST_QUERY_CHARS = 300


class Pair(NamedTuple):
    """A query of people and a passage that answers it."""

    query: str
    passage: str  # with its title
    unit: str  # id of the passage


def judged_pairs(queries: Iterable[QuerySet], texts: Mapping[str, str], seed: int) -> list[Pair]:
    """Return a pair for each query: with the best graded of its passages, one of the best by chance.

    ``texts`` has the passages by the ids in the qrels; what is not there answers nothing. Of equal queries the first counts.
    """
    pairs: dict[str, Pair] = {}
    for query_set in queries:
        for query in query_set.queries:
            text = " ".join(query.text.split())
            grades = {unit: grade for unit, grade in query_set.qrels[query.query_id].items() if unit in texts}
            best = max(grades.values(), default=0)
            if best > 0 and 0 < len(text) <= _MOST_QUERY_CHARS and text not in pairs:
                units = sorted(unit for unit, grade in grades.items() if grade == best)
                unit = random.Random(f"{seed}:{query.query_id}").choice(units)  # noqa: S311 (reproducible on purpose)
                pairs[text] = Pair(text, texts[unit], unit)
    return list(pairs.values())


def pairs_of(source: Source, seed: int) -> list[Pair]:
    """Return the pairs of a source's train and dev queries."""
    sets = [source.queries[split] for split in LEARNED_FROM if split in source.queries]
    wanted = {unit for each in sets for row in each.qrels.values() for unit, grade in row.items() if grade > 0}
    return judged_pairs(sets, _texts(source, wanted), seed)


def sample(pairs: Sequence[Pair], most: int | None, seed: int) -> list[Pair]:
    """Return at most so many pairs, drawn at random, in their order."""
    if most is None or len(pairs) <= most:
        return list(pairs)
    chosen = random.Random(f"{seed}:pairs").sample(range(len(pairs)), most)  # noqa: S311 (reproducible on purpose)
    return [pairs[number] for number in sorted(chosen)]


def hold_out(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return pairs to learn from and pairs to measure on, one or more of each; no passage is in both."""
    units = sorted({pair.unit for pair in pairs})
    random.Random(f"{seed}:held-out").shuffle(units)  # noqa: S311 (reproducible on purpose)
    counts = Counter(pair.unit for pair in pairs)
    held, n_held = set[str](), 0
    for unit in units[:-1]:
        if n_held >= share * len(pairs):
            break
        held.add(unit)
        n_held += counts[unit]
    return [pair for pair in pairs if pair.unit not in held], [pair for pair in pairs if pair.unit in held]


def _texts(source: Source, wanted: set[str]) -> dict[str, str]:
    """Return the texts of judged documents and places."""
    names: dict[str, list[str]] = {}
    for name in wanted:
        for place in source.places.get(name, [])[:1]:
            names.setdefault(place.document_id, []).append(name)
    texts = {}
    for document in source.documents:
        if document.document_id in wanted:
            texts[document.document_id] = _titled(document, document.text)
        for name in names.get(document.document_id, ()):
            place = source.places[name][0]
            texts[name] = _titled(document, _around(document.text, place.start, place.end))
    return texts


def _titled(document: Document, text: str) -> str:
    return f"{document.title}\n{text}" if document.title else text


def _around(text: str, start: int, end: int) -> str:
    """Return a stretch of a text with what stands around it, in whole words, if it is short."""
    more = max(0, _LEAST_CHARS - (end - start)) // 2
    first, last = max(0, start - more), min(len(text), end + more)
    if first:
        first = text.find(" ", first, start) + 1 or start
    if last < len(text):
        last = max(text.rfind(" ", end, last), end)
    return text[first:last]
