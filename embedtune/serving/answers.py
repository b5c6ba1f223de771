"""Answers without a language model: the sentences of found passages that are nearest to a query, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from embedtune.cloze import sentences_of
from embedtune.serving.embedder import Embedder
from embedtune.serving.hits import Hit


class Quote(NamedTuple):
    """A sentence that answers a query.

    Attributes:
        text: As it stands in the passage.
        passage_id: Where it stands.
        document_id: Of which document.
        score: Cosine of query and sentence.
    """

    text: str
    passage_id: str
    document_id: str
    score: float


def quote(embedder: Embedder, query: str, hits: Sequence[Hit], n: int = 2) -> list[Quote]:
    """Return the n sentences of the hits' passages that are nearest to the query, best first; the same words once.

    Args:
        embedder: Of the retriever, or any other.
        query: What was asked.
        hits: What was found; earlier ones win where two sentences are equally near.
        n: Sentences at most.
    """
    found = {
        sentence: hit.passage
        for hit in reversed(hits)  # the first hit that has a sentence is the one that is cited
        for sentence in map(str.strip, sentences_of(hit.passage.text))
        if sentence
    }
    if not found:
        return []
    scores = embedder.encode_documents(list(found)) @ embedder.encode_query(query)
    quotes = [
        Quote(sentence, passage.passage_id, passage.document_id, float(score))
        for (sentence, passage), score in zip(found.items(), scores, strict=True)
    ]
    return sorted(quotes, key=lambda each: -each.score)[:n]
