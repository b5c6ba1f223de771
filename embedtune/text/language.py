"""Which language a text or a corpus is in, by its script and its stop words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import regex

from embedtune.quiet import quiet_libraries

LANGUAGE_CODES = {
    "chinese": {"zh", "zho"}, "danish": {"da", "dan"}, "dutch": {"nl", "nld"}, "french": {"fr", "fra"},
    "german": {"de", "deu"}, "greek": {"el", "ell"}, "hebrew": {"he", "heb"}, "italian": {"it", "ita"},
    "japanese": {"ja", "jpn"}, "korean": {"ko", "kor"}, "norwegian": {"no", "nb", "nn", "nor"},
    "portuguese": {"pt", "por"}, "russian": {"ru", "rus"}, "spanish": {"es", "spa"}, "swedish": {"sv", "swe"},
    "thai": {"th", "tha"}, "turkish": {"tr", "tur"},
}  # fmt: skip
"""Name of a language → its codes in ISO 639; English is not among them, for every model knows it."""

_SCRIPTS = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Thai", "Hangul", "Han", "Hiragana")
_SCRIPT = {script: regex.compile(rf"\p{{{script}}}") for script in _SCRIPTS}
_LANGUAGE_OF_SCRIPT = {
    "Hiragana": "japanese", "Han": "chinese", "Hangul": "korean", "Greek": "greek", "Thai": "thai", "Hebrew": "hebrew",
}  # fmt: skip
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+")
# In running text of a language its stop words make up a third of all words and more.
_MIN_SHARE = 0.15
_MIN_WORDS = 6  # of a text
_MIN_LEAD = 1.2  # of its language's stop words over those of the next language


class Language(NamedTuple):
    """A language as lexical methods know it."""

    name: str  # in English, lower case; empty where none was recognised
    stop_words: frozenset[str]  # its function words


def find_language(terms: Iterable[str]) -> Language:
    """Return the language whose stop words cover most of a corpus's terms; none where no language's cover 15 %.

    Terms are those of ``analyzer.lexical_terms``. Japanese, of which bm25s has no stop words, is recognised by its hiragana.
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
    """Counts of the words that are a stop word in some language, of a stream of terms."""

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
        hiragana = _SCRIPT["Hiragana"]
        self._hiragana += sum(count for term, count in counts.items() if not term.isascii() and hiragana.search(term))

    def language(self) -> Language:
        """Return what ``find_language`` returns for all terms so far."""
        best, share = Language("", frozenset()), _MIN_SHARE
        for language, covered in self.shares():
            if covered > share:
                best, share = language, covered
        return best if self._hiragana <= share * self._total else Language("japanese", frozenset())

    def shares(self) -> list[tuple[Language, float]]:
        """Return each list of stop words with the share of all terms that are in it."""
        total = max(1, self._total)
        return [(known, sum(self._counts[word] for word in known.stop_words) / total) for known in self._languages]


def script_of(text: str) -> str | None:
    """Return the script that most letters are in, Japanese as ``Hiragana``; None without letters."""
    counts = Counter({script: len(pattern.findall(text)) for script, pattern in _SCRIPT.items()})
    if counts["Hiragana"]:
        return "Hiragana"
    script, count = counts.most_common(1)[0]
    return script if count else None


def language_of(text: str) -> str | None:
    """Return the language of one text, or None where it is uncertain: under six words, or another language as likely.

    Examples:
        >>> language_of("Füllen Sie den Tank mit kaltem Wasser, wenn die Lampe nicht blinkt, und warten Sie auf das Signal.")
        'german'
    """
    if (script := script_of(text)) in _LANGUAGE_OF_SCRIPT:
        return _LANGUAGE_OF_SCRIPT[script or ""]
    words = _WORD.findall(text.lower())
    if len(words) < _MIN_WORDS:
        return None
    tally = LanguageTally()
    tally.add(words)
    by_name: dict[str, float] = {}
    for language, share in tally.shares():
        by_name[language.name] = max(share, by_name.get(language.name, 0.0))
    best, second = sorted(by_name, key=lambda name: -by_name[name])[:2]
    return best if by_name[best] > max(_MIN_SHARE, _MIN_LEAD * by_name[second]) else None


def same_language(query: str, passage: str) -> bool:
    """Return whether a query may be in its passage's language: the same script, and not clearly another language."""
    scripts = {script_of(query), script_of(passage)}
    if len(scripts) > 1 and None not in scripts:
        # Chinese and Japanese share characters; Latin names are in texts of every script.
        return scripts == {"Han", "Hiragana"}
    languages = {language_of(query), language_of(passage)}
    return None in languages or len(languages) == 1


@cache
def _languages() -> tuple[Language, ...]:
    """Return the languages that bm25s has stop words of; its English has two lists, of which the longer is called plus."""
    with quiet_libraries():
        from bm25s import stopwords

    languages = []
    for constant in sorted(name for name in dir(stopwords) if name.startswith("STOPWORDS_")):
        name = constant.removeprefix("STOPWORDS_").removesuffix("_PLUS").lower()
        languages.append(Language("english" if name == "en" else name, frozenset(getattr(stopwords, constant))))
    return tuple(languages)
