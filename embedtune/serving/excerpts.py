"""The parts of passages that answer a query: excerpts for lists, and sentences word for word, without a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Hit
from embedtune.text.analyzer import Analyzer
from embedtune.text.marking import shared_spans
from embedtune.text.sentences import sentences_of
from embedtune.text.words import word_spans
from embedtune.types import Passage

_MORE = "…"


class Excerpt(NamedTuple):
    """A stretch of a text."""

    text: str  # on one line; … marks what was left out
    matches: list[tuple[int, int]]  # first and last+1 character of each word that the query has too, ascending


class Excerpts:
    """Makes excerpts of a corpus's passages; words match by their stems, as BM25's do."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Find the language of a corpus."""
        self._analyze = Analyzer.of([passage.full_text for passage in passages]).query

    def __call__(self, text: str, query: str, width: int = 160) -> Excerpt:
        """Return the stretch of at most ``width`` characters with most of the query's words; of equals the first."""
        text, wanted = " ".join(text.split()), set(self._analyze(query))
        found = list(shared_spans(text, wanted, self._analyze))
        if len(text) <= width:
            return Excerpt(text, found)
        words = list(word_spans(text))
        starts = [start for start, _ in words if start <= max(0, len(text) - width // 2)] or [0]
        room = width - 2 * len(_MORE)
        first = max(starts, key=lambda start: (_count(found, start, start + room), -_distance(found, start, room)))
        last = max((end for _, end in words if end <= first + room), default=first + room)
        last = last if last > first else first + room
        head = _MORE if first else ""
        shift = len(head) - first
        matches = [(start + shift, end + shift) for start, end in found if start >= first and end <= last]
        return Excerpt(f"{head}{text[first:last]}{_MORE if last < len(text) else ''}", matches)


def _count(found: Sequence[tuple[int, int]], first: int, last: int) -> int:
    return sum(first <= start and end <= last for start, end in found)


def _distance(found: Sequence[tuple[int, int]], first: int, room: int) -> int:
    """Return how far a stretch is from having its matches in the first third, where there are words before to tell of what."""
    inside = [start for start, _ in found if first <= start < first + room]
    return abs(first + room // 3 - inside[0]) if inside else first


class Quote(NamedTuple):
    """A sentence that answers a query."""

    text: str
    passage_id: str  # passage that it is taken from
    score: float  # cosine of query and sentence


def quote(embedder: Embedder, query: str, hits: Sequence[Hit], n: int = 2) -> list[Quote]:
    """Return the n sentences of the hits' passages that are nearest to the query; see ``quote_texts``."""
    return quote_texts(embedder, query, [(hit.passage.text, hit.passage.passage_id) for hit in hits], n)


def quote_texts(embedder: Embedder, query: str, texts: Sequence[tuple[str, str]], n: int = 2) -> list[Quote]:
    """Return the n sentences that are nearest to a query, best first; the same words once.

    Args:
        embedder: That which found the texts, or any other.
        query: Text of the query.
        texts: With their passage ids, best first: of those that share a sentence the first is cited.
        n: Sentences at most.
    """
    found = {
        sentence: passage_id
        for text, passage_id in reversed(texts)
        for sentence in map(str.strip, sentences_of(text))
        if sentence
    }
    if not found:
        return []
    scores = embedder.encode_documents(list(found)) @ embedder.encode_query(query)
    quotes = [Quote(*item, float(score)) for item, score in zip(found.items(), scores, strict=True)]
    return sorted(quotes, key=lambda each: -each.score)[:n]
