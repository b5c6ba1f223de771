"""BM25 over whole passages, by bm25s; each language of a corpus has its own statistics."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedtune.quiet import quiet_libraries
from embedtune.text.analyzer import Analyzer

_OTHER_LANGUAGE = 0.7  # of their score have texts in another language than the query's
_LEAST = 200  # texts of a language, from which their statistics are their own; of fewer they say little

SparseVector = dict[int, float]
"""Term number → weight."""


class BM25:
    """A lexical index; the Lucene variant with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza 2009; Kamphuis et al. 2020).

    Texts of a language are weighed among each other: how rare a word is, and how long a text, means little across languages.
    Where a query's language can be told, texts in others have less of their score: what they share with it is names, or words
    that are common in its language and rare in theirs.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        logging.getLogger("bm25s").setLevel(logging.INFO)  # which it sets to DEBUG, for every handler of an application
        self._analyzer = Analyzer.of(texts)
        self._n_texts = len(texts)
        languages = [self._analyzer.language(text) for text in texts]
        self._parts = [
            _Part([self._analyzer.document(texts[row], languages[row]) for row in rows], rows, known, len(texts))
            for known, rows in _grouped(languages, self._analyzer.languages)
        ]

    def scores(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return the score of every text for every query, ``(n_queries, n_texts)``; 0 where no term is shared."""
        rows = list(self.rows(queries))
        return np.stack(rows) if rows else np.zeros((0, self._n_texts), dtype=np.float32)

    def rows(self, queries: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        """Yield the rows of ``scores`` one after the other: one stays in the processor's cache, hundreds do not."""
        for query in queries:
            scores = np.zeros(self._n_texts, dtype=np.float32)
            for part, terms, share in self._asked(query):
                part.add(scores, terms, share)
            yield scores

    def _asked(self, query: str) -> Iterator[tuple[_Part, list[str], float]]:
        """Yield each part with the query's terms in it, and the share of their score that its texts have."""
        terms = [self._analyzer.query(query, part.languages) for part in self._parts]
        yield from zip(self._parts, terms, self._shares(query, terms), strict=True)

    def _shares(self, query: str, terms: Sequence[list[str]]) -> list[float]:
        if len(self._parts) == 1:
            return [1.0]
        language = self._analyzer.query_language(query)
        if language:
            return [1.0 if language in part.languages else _OTHER_LANGUAGE for part in self._parts]
        known = [len(set(part.known(each))) for part, each in zip(self._parts, terms, strict=True)]
        if known.count(max(known)) > 1:
            return [1.0] * len(self._parts)
        return [1.0 if count == max(known) else _OTHER_LANGUAGE for count in known]

    def sparse_texts(self) -> list[SparseVector]:
        """Return the texts as sparse vectors, term number → weight; with those of queries their inner product is the score."""
        texts: list[SparseVector] = [{} for _ in range(self._n_texts)]
        first = 0
        for part in self._parts:
            for term, (rows, weights) in part.postings().items():
                for row, weight in zip(rows.tolist(), weights.tolist(), strict=True):
                    texts[row][first + term] = weight
            first += part.n_terms
        return texts

    def sparse_queries(self, queries: Iterable[str]) -> list[SparseVector]:
        """Return queries as sparse vectors: how often they have each term, less for texts in another language."""
        return [self._sparse_query(query) for query in queries]

    def _sparse_query(self, query: str) -> SparseVector:
        vector: SparseVector = {}
        first = 0
        for part, terms, share in self._asked(query):
            for term in part.known(terms):
                vector[first + term] = vector.get(first + term, 0.0) + share
            first += part.n_terms
        return vector


class _Part:
    """The texts of one language, or of several of which there are few."""

    def __init__(self, terms: list[list[str]], rows: NDArray[np.int64], languages: Sequence[str], n_texts: int) -> None:
        with quiet_libraries():  # tqdm warns in notebooks without ipywidgets
            import bm25s

        self.languages = languages
        self._rows = rows if len(rows) < n_texts else slice(None)  # which is faster
        self._factor = _largest_idf(n_texts) / _largest_idf(
            len(rows)
        )  # a word of one text weighs the same in all parts
        self._vocabulary = set(chain.from_iterable(terms))
        self._index: Any = bm25s.BM25(method="lucene", k1=1.2, b=0.75) if self._vocabulary else None
        if self._index is not None:
            self._index.index(terms, show_progress=False)

    def add(self, scores: NDArray[np.float32], terms: Iterable[str], share: float) -> None:
        """Write a share of the scores of its texts."""
        known = [term for term in terms if term in self._vocabulary]
        if known:
            found, factor = self._index.get_scores(known), share * self._factor
            scores[self._rows] = found if factor == 1 else found * np.float32(factor)

    @property
    def n_terms(self) -> int:
        """Number of its terms."""
        return len(self._vocabulary)

    def known(self, terms: Iterable[str]) -> list[int]:
        """Return the numbers of the terms that it has, each as often as it comes."""
        return [self._index.vocab_dict[term] for term in terms if term in self._vocabulary]

    def postings(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Return term number → rows of the texts that have the term, and its weight in each."""
        if self._index is None:
            return {}
        found, ends = self._index.scores, self._index.scores["indptr"]
        rows = found["indices"] if isinstance(self._rows, slice) else self._rows[found["indices"]]
        weights = found["data"] * np.float32(self._factor)
        return {
            term: (rows[ends[term] : ends[term + 1]], weights[ends[term] : ends[term + 1]])
            for term in range(self.n_terms)
        }


def _largest_idf(n_texts: int) -> float:
    return math.log(1 + (n_texts - 0.5) / 1.5)


def _grouped(languages: Sequence[str], known: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.int64]]]:
    """Yield languages with the rows of their texts; those of few texts are with the most frequent one."""
    of_row = np.array([known.index(language) for language in languages], dtype=np.int64)
    counts = np.bincount(of_row, minlength=len(known))
    alone = {number for number in range(1, len(known)) if counts[number] >= _LEAST}
    together = [number for number in range(len(known)) if number not in alone]
    for numbers in (together, *([number] for number in sorted(alone))):
        rows = np.flatnonzero(np.isin(of_row, numbers))
        if len(rows):
            yield [known[number] for number in numbers], rows
