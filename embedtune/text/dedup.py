"""Near-duplicate texts: the Jaccard similarity of their sets of terms, exactly; order and repetition do not matter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from embedtune.errors import ConfigError
from embedtune.text.analyzer import lexical_terms

THRESHOLD = 0.8
"""Jaccard similarity from which two short texts, such as queries, count as nearly the same: 4 of 5 terms in common."""


class Match(NamedTuple):
    """An earlier text that a text repeats.

    Attributes:
        position: Its place among the texts that were added, from 0.
        similarity: Jaccard similarity of the terms, up to 1: the same terms.
    """

    position: int
    similarity: float


class DuplicateIndex:
    """A growing collection of texts, searched for the text that is most similar to another.

    A text of n terms shares at least ⌈threshold · n⌉ of them with any text that is similar enough, so at least one of any
    n − ⌈threshold · n⌉ + 1 of them: only the texts with one of that many of its rarest terms are compared (the prefix filter
    of Chaudhuri et al. 2006, https://doi.org/10.1109/ICDE.2006.9). None is missed.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        """Start empty; a match has at least the Jaccard similarity ``threshold``. Raises ``ConfigError`` outside (0, 1]."""
        if not 0 < threshold <= 1:
            raise ConfigError(f"threshold: expected a number above 0 and at most 1, found {threshold}")
        self._threshold = threshold
        self._terms: list[frozenset[str]] = []
        self._postings: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._terms)

    def add(self, text: str) -> None:
        """Add a text."""
        terms = term_set(text)
        for term in terms:
            self._postings.setdefault(term, []).append(len(self._terms))
        self._terms.append(terms)

    def find(self, text: str) -> Match | None:
        """Return the most similar text, of equals the first; None where none is similar enough."""
        terms = term_set(text)
        prefix = len(terms) - math.ceil(self._threshold * len(terms) - 1e-9) + 1
        rarest = sorted(terms, key=lambda term: (len(self._postings.get(term, ())), term))[:prefix]
        candidates = {index for term in rarest for index in self._postings.get(term, ())}
        similarities = {
            index: len(terms & self._terms[index]) / len(terms | self._terms[index]) for index in candidates
        }
        best = max(similarities, key=lambda index: (similarities[index], -index), default=None)
        if best is None or similarities[best] < self._threshold:
            return None
        return Match(best, similarities[best])

    def check_and_add(self, text: str) -> Match | None:
        """Return what ``find`` returns; a text without a match is added."""
        match = self.find(text)
        if match is None:
            self.add(text)
        return match


class Duplicate(NamedTuple):
    """A text that was dropped.

    Attributes:
        position: Its place among all texts, from 0.
        text: The text.
        original: Place of the kept text that it repeats, among all texts.
        similarity: Jaccard similarity of both; 1 where they have the same terms.
    """

    position: int
    text: str
    original: int
    similarity: float


class DeduplicationResult(NamedTuple):
    """The result of ``deduplicate``.

    Attributes:
        kept: The texts without near-duplicates, in their order.
        kept_indices: Their places among all texts.
        duplicates: The others, in their order.
    """

    kept: list[str]
    kept_indices: list[int]
    duplicates: list[Duplicate]

    @property
    def duplicate_ratio(self) -> float:
        """Share of all texts that were left out, 0 to 1."""
        return len(self.duplicates) / max(1, len(self.kept) + len(self.duplicates))


def deduplicate(texts: Iterable[str], threshold: float = THRESHOLD) -> DeduplicationResult:
    """Drop near-duplicates; meant for queries and other short texts.

    A text is left out if the Jaccard similarity of its set of terms with that of a kept text is at least ``threshold``. Terms
    are lower-case words, or character bigrams where a script has no spaces. A text without terms is never a duplicate.

    Args:
        texts: In a stable order: the first of two near-duplicates is kept.
        threshold: In (0, 1]; at 1 only texts with the same terms are duplicates.

    Raises:
        ConfigError: If the threshold is outside that range.

    Examples:
        >>> result = deduplicate(["how to fill the tank", "Fill the tank: how to?", "how to rinse the bowl"])
        >>> result.kept
        ['how to fill the tank', 'how to rinse the bowl']
        >>> result.duplicates
        [Duplicate(position=1, text='Fill the tank: how to?', original=0, similarity=1.0)]
    """
    index = DuplicateIndex(threshold)
    kept: list[str] = []
    kept_indices: list[int] = []
    duplicates: list[Duplicate] = []
    for number, text in enumerate(texts):
        match = index.check_and_add(text)
        if match is None:
            kept.append(text)
            kept_indices.append(number)
        else:
            duplicates.append(Duplicate(number, text, kept_indices[match.position], match.similarity))
    return DeduplicationResult(kept, kept_indices, duplicates)


def term_set(text: str) -> frozenset[str]:
    """Return the terms of a text, each once."""
    return frozenset(lexical_terms(text))
