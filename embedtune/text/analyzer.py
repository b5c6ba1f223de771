"""What BM25 indexes of a text: terms without stop words, stemmed, and identifiers by their parts too.

Words as lexical methods see them: terms by script, and the stop words of a corpus's language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple
from unicodedata import normalize

import regex

# Letters keep their combining marks; scripts written without spaces are runs of their own.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー]+"
_PIECE = regex.compile(rf"{_UNSPACED}|(?:(?!{_UNSPACED})[\p{{L}}\p{{M}}\p{{N}}_])+")
_IS_UNSPACED = regex.compile(_UNSPACED)
_HIRAGANA = regex.compile(r"\p{Hiragana}")
_ASCII_PIECE = re.compile(r"[a-z0-9_]+")  # of lower-case text; most text is ASCII, and this takes a tenth of the time
# In running text of a language its stop words make up a third of all words and more.
_LANGUAGE_SHARE = 0.15


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


class Language(NamedTuple):
    """A language as lexical methods know it.

    Attributes:
        name: In English, lower case; empty where none was recognised.
        stop_words: Its words that say nothing alone.
    """

    name: str
    stop_words: frozenset[str]


def find_language(terms: Iterable[str]) -> Language:
    """Return the language whose stop words cover most of a corpus's terms; none where no language's cover 15 %.

    Japanese, of which bm25s has no stop words, is told by its hiragana.

    Stop words, measured on dev queries, nDCG@10 without and with: TAT-QA 0.488 → 0.504, CoSQA 0.307 → 0.308, Lyft 0.765 →
    0.782; words such as "what" and "based" say nothing about the passage. ``docs/log.md`` has the table.
    """
    tally = LanguageTally()
    tally.add(terms)
    return tally.language()


def stop_words_of(language: str) -> frozenset[str]:
    """Return the stop words of a language by its name, of several lists the longest; none where there is no list."""
    return max((known.stop_words for known in _languages() if known.name == language), key=len, default=frozenset())


class LanguageTally:
    """Counts of the words that are a stop word in some language, over terms that come bit by bit."""

    def __init__(self) -> None:
        self._languages = _languages()
        self._candidates = frozenset[str]().union(*(language.stop_words for language in self._languages))
        self._hiragana = 0
        self._counts: Counter[str] = Counter()
        self._total = 0

    def add(self, terms: Iterable[str]) -> None:
        """Count more terms."""
        counts = Counter(terms)
        self._total += counts.total()
        self._counts.update({word: counts[word] for word in counts.keys() & self._candidates})
        self._hiragana += sum(count for term, count in counts.items() if not term.isascii() and _HIRAGANA.search(term))

    def language(self) -> Language:
        """Return what ``find_language`` returns for all terms so far."""
        found, share = Language("", frozenset()), _LANGUAGE_SHARE
        for language in self._languages:
            covered = sum(self._counts[word] for word in language.stop_words) / max(1, self._total)
            if covered > share:
                found, share = language, covered
        return found if self._hiragana <= share * self._total else Language("japanese", frozenset())


@cache
def _languages() -> tuple[Language, ...]:
    """Return the languages that bm25s has stop words of; its English has two lists, of which the longer is called plus."""
    from bm25s import stopwords

    names = sorted(name for name in dir(stopwords) if name.startswith("STOPWORDS_"))
    return tuple(Language(_spoken_name(name), frozenset(getattr(stopwords, name))) for name in names)


def _spoken_name(constant: str) -> str:
    name = constant.removeprefix("STOPWORDS_").removesuffix("_PLUS").lower()
    return "english" if name == "en" else name


_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+")
_SWITCH = regex.compile(r"\p{Ll}\p{Lu}")
_PART = regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|\p{Lo}+")
_SAMPLE = 1000  # texts, evenly spaced, tell the language as well as all
_LEAST = 2  # letters; one alone says nothing


class Analyzer:
    """Turns texts of one corpus, and queries to it, into index terms.

    Stop words and stemmer are those of the corpus's language: ``connections`` finds ``connecting``. The stemmers are
    Snowball's (Porter 1980, 2001); a corpus in no language that ``find_language`` knows keeps its terms as they are.
    ``writeBoolean`` and ``write_boolean`` stand for themselves and for ``write`` and ``boolean``.

    Attributes:
        language: Its name; empty where none is known.
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
