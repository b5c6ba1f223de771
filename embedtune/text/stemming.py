"""Stems of words by language: Snowball's stemmers, and for Arabic the one that Lucene has.

Snowball's for Arabic leaves a word with "and the" before it whole, and gives the two spellings of a feminine ending two stems.
"""

from __future__ import annotations

from collections.abc import Callable

import regex

# The light stemmer "light10" of Larkey et al. 2007 (https://doi.org/10.1007/978-1-4020-6046-5_12).
_ARTICLE = regex.compile(r"^(?:و?ال|بال|كال|فال|لل)(?=..)|^و(?=...)")
_ENDING = regex.compile(r"(?<=..)(?:ها|ان|ات|ون|ين|يه|ه|ي)$")


def stemmer(language: str) -> Callable[[str], str]:
    """Return the stemmer of a language, by its English name in lower case; one that does nothing where there is none."""
    import Stemmer

    if language == "arabic":
        return _stem_arabic
    if language not in Stemmer.algorithms():
        return str
    stem: Callable[[str], str] = Stemmer.Stemmer(language).stemWord
    return stem


def _stem_arabic(word: str) -> str:
    """Take the article and the endings off a folded word; two letters stay at least."""
    word = _ARTICLE.sub("", word, count=1)
    while (shorter := _ENDING.sub("", word)) != word:
        word = shorter
    return word
