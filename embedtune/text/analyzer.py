"""From text to index terms: words by script, without stop words, stemmed, and identifiers by their parts too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import normalize

import regex

from embedtune.text.language import find_language, stop_words_of

# Letters keep their combining marks; scripts written without spaces are runs of their own.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー]+"
_PIECE = regex.compile(rf"{_UNSPACED}|(?:(?!{_UNSPACED})[\p{{L}}\p{{M}}\p{{N}}_])+")
_IS_UNSPACED = regex.compile(_UNSPACED)
_ASCII_PIECE = re.compile(r"[a-z0-9_]+")  # of lower-case text; most text is ASCII, and this takes a tenth of the time
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+")
_SWITCH = regex.compile(r"\p{Ll}\p{Lu}")
_PART = regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|\p{Lo}+")
_SAMPLE = 1000  # evenly spaced texts are enough to recognise the language
_LEAST = 2  # letters of a part


def lexical_terms(text: str) -> list[str]:
    """Return the terms of a text: lower-case words; character bigrams where a script has no spaces.

    Examples:
        >>> lexical_terms("The walrus operator: x := 1")
        ['the', 'walrus', 'operator', 'x', '1']
        >>> lexical_terms("東京都")
        ['東京', '京都']
    """
    if text.isascii():
        return _ASCII_PIECE.findall(text.lower())
    terms: list[str] = []
    for piece in _PIECE.findall(normalize("NFC", text).lower()):
        if _IS_UNSPACED.match(piece) and len(piece) > 1:
            terms += [piece[start : start + 2] for start in range(len(piece) - 1)]
        else:
            terms.append(piece)
    return terms


class Analyzer:
    """Turns texts of one corpus, and queries to it, into index terms.

    Stop words and stemmer are those of the corpus's language: ``connections`` finds ``connecting``. The stemmers are
    Snowball's (Porter 1980, 2001); a corpus in no language that ``find_language`` knows keeps its terms as they are.
    ``writeBoolean`` and ``write_boolean`` give their parts ``write`` and ``boolean`` as well.
    """

    def __init__(self, language: str) -> None:
        """Take a language, as ``find_language`` names it; empty for none."""
        import Stemmer

        self.language = language
        self._stop_words = stop_words_of(language)
        self._stem = Stemmer.Stemmer(language).stemWords if language in Stemmer.algorithms() else list

    @classmethod
    def of(cls, texts: Sequence[str]) -> Analyzer:
        """Find the language of a corpus."""
        sample = texts[:: max(1, len(texts) // _SAMPLE)]
        return cls(find_language(term for text in sample for term in lexical_terms(text)).name)

    def __call__(self, text: str) -> list[str]:
        """Return the index terms of a text, in order; the parts of identifiers come last."""
        terms = [term for term in lexical_terms(text) + identifier_parts(text) if term not in self._stop_words]
        stems: list[str] = self._stem(terms)
        return stems


def identifier_parts(text: str) -> list[str]:
    """Return the lower-case parts of words in camel or snake case.

    Examples:
        >>> identifier_parts("call writeBoolean or HTTP_PORT2 on it")
        ['write', 'boolean', 'http', 'port']
    """
    words = [word for word in _WORD.findall(normalize("NFC", text)) if "_" in word.strip("_") or _SWITCH.search(word)]
    return [part.lower() for word in words for part in _PART.findall(word) if len(part) >= _LEAST]
