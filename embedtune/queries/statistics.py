"""Which terms set a passage apart from its corpus."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from embedtune.terms import find_stop_words, lexical_terms


class CorpusStatistics:
    """Document frequencies of a corpus.

    Attributes:
        stop_words: Of the corpus's language.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._n_texts = len(texts)
        terms = [lexical_terms(text) for text in texts]
        self.stop_words = find_stop_words(term for words in terms for term in words)
        self._frequency = Counter(term for words in terms for term in set(words))

    def idf(self, term: str) -> float:
        """Return ln(N / df), 0 for a stop word or a term of every text; a term of no text counts as one of a single text."""
        if term in self.stop_words:
            return 0.0
        return math.log(self._n_texts / max(1, self._frequency[term]))

    def salience(self, text: str) -> float:
        """Return the mean idf of a text's terms; 0 when it has none."""
        terms = lexical_terms(text)
        return sum(map(self.idf, terms)) / len(terms) if terms else 0.0

    def content_terms(self, text: str) -> list[str]:
        """Return the terms that are no stop words, in order."""
        return [term for term in lexical_terms(text) if term not in self.stop_words]

    def is_generic(self, text: str) -> bool:
        """Tell whether a text fits anywhere: no term of it is rarer than one passage in a hundred, or in twenty."""
        rare = max(20, self._n_texts // 100)
        return not any(0 < self._frequency[term] <= rare for term in set(self.content_terms(text)))
