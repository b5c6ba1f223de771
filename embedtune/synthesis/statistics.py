"""Document frequencies and idf of the terms of a corpus."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from embedtune.text.analyzer import lexical_terms, stop_terms
from embedtune.text.language import LanguageTally, language_of


class CorpusStatistics:
    """Document frequencies in the ``n_texts`` of a corpus that is read once.

    The number of terms is bounded. Beyond it the rarest are dropped (lossy counting, Manku and Motwani 2002), and counted from
    0 if they occur again: frequencies are then too small by at most ``n_prunings`` times the last floor. A dropped term
    counts as one of a single text.
    """

    def __init__(self, texts: Iterable[str] = (), *, max_terms: int = 1_000_000) -> None:
        self._max_terms = max_terms
        self._tally = LanguageTally()
        self._languages: tuple[str, ...] | None = None
        self._stop_words: frozenset[str] | None = None
        self._frequency: Counter[str] = Counter()
        self._idf: dict[str, float] = {}
        self.n_texts = 0
        self.n_prunings = 0
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Count the terms of a text."""
        terms = lexical_terms(text)
        self.n_texts += 1
        self._languages = self._stop_words = None
        self._idf.clear()
        self._tally.add(text)
        self._frequency.update(set(terms))
        if len(self._frequency) > self._max_terms:
            self._prune()

    @property
    def languages(self) -> tuple[str, ...]:
        """The corpus's languages, the most frequent first; none where none was recognised."""
        if self._languages is None:
            self._languages = self._tally.languages()
        return self._languages

    @property
    def language(self) -> str:
        """The most frequent language; empty where none was recognised."""
        return next(iter(self.languages), "")

    @property
    def stop_words(self) -> frozenset[str]:
        """Those of all languages of the corpus, as terms."""
        if self._stop_words is None:
            self._stop_words = frozenset(chain.from_iterable(map(stop_terms, self.languages)))
        return self._stop_words

    def language_of(self, text: str) -> str:
        """Return which of the corpus's languages a text is in; the most frequent one where that is uncertain."""
        found = language_of(text) if len(self.languages) > 1 else None
        return found if found and found in self.languages else self.language

    def idf(self, term: str) -> float:
        """Return ln(N / df), 0 for a stop word or a term of every text; a term of no text counts as one of a single text."""
        if term not in self._idf:
            frequency = max(1, self._frequency[term])
            self._idf[term] = 0.0 if term in self.stop_words else math.log(self.n_texts / frequency)
        return self._idf[term]

    def salience(self, text: str) -> float:
        """Return the mean idf of a text's terms; 0 when it has none."""
        return mean([self.idf(term) for term in lexical_terms(text)])

    def content_terms(self, text: str) -> list[str]:
        """Return the terms that are no stop words, in order."""
        stop_words = self.stop_words
        return [term for term in lexical_terms(text) if term not in stop_words]

    def is_generic(self, text: str) -> bool:
        """Return whether a text fits anywhere: no term of it is rarer than one passage in a hundred, or in twenty."""
        rare = max(20, self.n_texts // 100)
        least = 0 if self.n_prunings else 1  # an unknown term may have been dropped
        return not any(least <= self._frequency[term] <= rare for term in set(self.content_terms(text)))

    def _prune(self) -> None:
        """Drop the rarest terms until at most three quarters of the bound are left."""
        counts = Counter(self._frequency.values())
        left, floor = len(self._frequency), 0
        while left > 0.75 * self._max_terms:
            floor += 1
            left -= counts[floor]
        self._frequency = Counter({term: count for term, count in self._frequency.items() if count > floor})
        self.n_prunings += 1


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0 of no values."""
    return sum(values) / len(values) if values else 0.0
