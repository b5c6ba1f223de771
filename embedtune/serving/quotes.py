"""Answers without a language model: the sentences of found passages that are nearest to a query, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Hit
from embedtune.text.sentences import sentences_of


class Quote(NamedTuple):
    """A sentence that answers a query.

    Attributes:
        text: Verbatim.
        passage_id: Passage that it is taken from.
        score: Cosine of query and sentence.
    """

    text: str
    passage_id: str
    score: float


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
