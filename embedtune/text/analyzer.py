"""From text to index terms: words in one spelling, without stop words, stemmed, and identifiers by their parts too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

import regex

from embedtune.text.compounds import LEAST, LINKS, Compounds
from embedtune.text.folding import fold, join_dotless, tidy
from embedtune.text.language import language_of, language_of_script, languages_of, stop_words_of
from embedtune.text.stemming import stemmer
from embedtune.text.words import NUMBER, RUN, dictionary_words, unwrap

WORDS_VERSION = 4
"""Rises with every change of what counts as a word; part of a run's identity."""

# What may be part of a word, as it stands in a text; folding parts and joins some of it.
_ASCII_PIECE = re.compile(r"\w+", re.ASCII)
_PIECE = regex.compile(r"[\p{L}\p{M}\p{N}\p{Cf}_＿㈀-㏿Ⓐ-ⓩ℃℉№℡]+")
# Text of Latin and plain Greek letters whose one spelling is that in lower case: most of what is not ASCII.
_PLAIN = re.compile(
    "[\0-\x7f\xa0-\xa7\xa9\xab\xac\xae\xb0\xb1\xb6\xb7\xbb\xbfÀ-Þà-įĴ-ľŁ-ňŊ-žα-ρσ-ω\u2000-\u200a‐-‧‰-⁞₠-₿−-⋿]*"
)
_PLAIN_WORD = re.compile(r"\w+")
_ASCII_WHOLE = re.compile(rf"{NUMBER}|{_ASCII_PIECE.pattern}", re.ASCII)
_WHOLE = regex.compile(rf"{NUMBER}|{_PIECE.pattern}")
_IS_NUMBER = re.compile(r"\A\d+(?:[.,]\d+)+\Z")
_THOUSANDS = re.compile(r"\d{1,3}(?:(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3})+(?:,\d+)?)")
_DATE = 3  # parts of a number, from which it is a date, a version or an address
_HAN = regex.compile(r"\p{Han}")
_HANGUL = regex.compile(r"\p{Hangul}{3,}")
_CLUSTER = regex.compile(r"\X")
_IDENTIFIER = regex.compile(r"[^_]_+[^_]|\p{Ll}\p{Lu}")
_NUMBERED = regex.compile(r"[\p{Lu}\p{Ll}]\p{N}|\p{N}[\p{Lu}\p{Ll}]")
_PART = regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|\p{Lo}+")
_NO_JOINER = "\u200c"  # parts a Persian word, and is often left out
_LEAST = 2  # letters of a part
_LONGEST, _REMEMBERED = 40, 200_000  # characters of words that are remembered, and how many


def lexical_terms(text: str) -> list[str]:
    """Return the terms of a text: words in their folded spelling; character bigrams where a script has no spaces.

    Examples:
        >>> lexical_terms("The walrus operator: x := 1")
        ['the', 'walrus', 'operator', 'x', '1']
        >>> lexical_terms("東京都")
        ['東京', '京都']
    """
    if text.isascii():
        return _ASCII_PIECE.findall(text.lower())
    if _PLAIN.fullmatch(text):
        return _PLAIN_WORD.findall(text.lower())
    return list(chain.from_iterable(map(_plain_terms, _PIECE.findall(unwrap(text)))))


@lru_cache(_REMEMBERED)
def _plain_terms(piece: str) -> tuple[str, ...]:
    if piece.isascii():
        return (piece.lower(),)
    terms: list[str] = []
    for unspaced, complex_, word in RUN.findall(fold(piece)):
        terms += _bigrams(unspaced) if unspaced else dictionary_words(complex_) if complex_ else [join_dotless(word)]
    return tuple(terms)


def _bigrams(characters: Sequence[str]) -> list[str]:
    """Return the neighbours in pairs; one alone by itself."""
    pairs = ["".join(characters[start : start + 2]) for start in range(len(characters) - 1)]
    return pairs or list(characters)


def stop_terms(language: str) -> frozenset[str]:
    """Return the stop words of a language that are one term each."""
    return frozenset(terms[0] for terms in map(lexical_terms, stop_words_of(language)) if len(terms) == 1)


def count_parts(texts: Iterable[str]) -> dict[str, int]:
    """Return how many texts each word is in that may be a part of compounds; of very many the most frequent."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({term for term in lexical_terms(text) if len(term) >= LEAST and term.isalpha()})
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_REMEMBERED])


class Analyzer:
    """Turns texts of one corpus, and queries to it, into index terms.

    Each document has the stop words and the stemmer of its language: ``connections`` finds ``connecting``. A query has those
    of all languages of the corpus, so that its words meet the documents of each. A text in no language that is known keeps
    its words as they are. ``writeBoolean`` and ``write_boolean`` give their parts ``write`` and ``boolean`` as well, and so do
    compound words of the languages of ``compounds.LINKS``.
    """

    def __init__(self, languages: Sequence[str] = (), words: Mapping[str, int] | None = None) -> None:
        """Take what ``of`` finds.

        Args:
            languages: Names of the corpus's languages, the most frequent first; none where none was recognised.
            words: How many texts each word is in that may be a part of compounds; see ``count_parts``.
        """
        self.languages = tuple(languages) or ("",)
        self.words = words or {}
        self._vocabularies = {language: _Vocabulary(language, self.words) for language in self.languages}

    @classmethod
    def of(cls, texts: Sequence[str]) -> Analyzer:
        """Find the languages of a corpus, and the words that compounds may consist of."""
        languages = languages_of(texts)
        return cls(languages, count_parts(texts) if LINKS.keys() & set(languages) else None)

    def language(self, text: str) -> str:
        """Return which of the languages a document is in; the most frequent one where that is uncertain."""
        found = language_of(text) if len(self.languages) > 1 else None
        return found if found and found in self._vocabularies else self.languages[0]

    def document(self, text: str, language: str | None = None) -> list[str]:
        """Return the index terms of a document, in order; its language is found where it is not given."""
        return self._vocabularies[self.language(text) if language is None else language].terms(pieces_of(text))

    def query(self, text: str, languages: Sequence[str] | None = None) -> list[str]:
        """Return the index terms of a query, for documents in some of the languages: of each word those of each, once."""
        pieces = pieces_of(text)
        if len(self.languages) == 1:
            return self._vocabularies[self.languages[0]].terms(pieces)
        stop_words = self._stop_words(pieces)
        vocabularies = [self._vocabularies[language] for language in languages or self.languages]
        return [
            term
            for piece in pieces
            if tidy(piece) not in stop_words
            for term in dict.fromkeys(chain.from_iterable(each.terms([piece]) for each in vocabularies))
        ]

    def query_language(self, text: str) -> str | None:
        """Return which of the languages a query is in, by its script or its stop words; None where they do not tell."""
        if (found := language_of_script(text)) in self._vocabularies:
            return found
        counts = self._count_stop_words(pieces_of(text))
        (language, most), *others = counts.most_common(2)
        return language if most > (others[0][1] if others else 0) else None

    def _stop_words(self, pieces: Sequence[str]) -> frozenset[str]:
        """Return the stop words of the language that has most of a query's words among them."""
        (language, _), *_ = self._count_stop_words(pieces).most_common(1)
        return self._vocabularies[language].stop_words

    def _count_stop_words(self, pieces: Sequence[str]) -> Counter[str]:
        words = Counter(map(tidy, pieces))
        return Counter(
            {
                language: sum(words[word] for word in words.keys() & vocabulary.stop_words)
                for language, vocabulary in self._vocabularies.items()
            }
        )


class _Vocabulary:
    """The index terms of the words of one language; those seen last are remembered."""

    def __init__(self, language: str, words: Mapping[str, int]) -> None:
        self.stop_words = stop_terms(language)
        known = {word: count for word, count in words.items() if word not in self.stop_words}
        self._compounds = Compounds(language, known) if language in LINKS else None
        self._stem: Callable[[str], str] = stemmer(language)
        self._turkish = language == "turkish"
        self._known: dict[str, list[str]] = {}

    def terms(self, pieces: Iterable[str]) -> list[str]:
        """Return the index terms of some pieces of text, in order."""
        known, terms = self._known, list[str]()
        for piece in pieces:
            found = known.get(piece)
            terms += self._learn(piece) if found is None else found
        return terms

    def _learn(self, piece: str) -> list[str]:
        terms = [term for term in self._words(piece) if join_dotless(term) not in self.stop_words]
        stems = [join_dotless(self._stem(term)) for term in terms]
        if len(piece) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[piece] = stems
        return stems

    def _words(self, piece: str) -> list[str]:
        if _IS_NUMBER.fullmatch(piece):
            return number_terms(piece)
        words: list[str] = []
        for unspaced, complex_, word in RUN.findall(fold(piece, turkish=self._turkish)):
            if unspaced:
                words += _bigrams(unspaced) + (_HAN.findall(unspaced) if len(unspaced) > 1 else [])
            elif complex_:
                words += dictionary_words(complex_) + _bigrams(_CLUSTER.findall(complex_))
            else:
                words.append(word)
                words += self._compounds.parts(word) if self._compounds else []
                words += _bigrams(word) if _HANGUL.fullmatch(word) else []
        return words + identifier_parts(piece)


def pieces_of(text: str) -> list[str]:
    """Return the runs of characters of a text that may be part of words; a number with its separators is one."""
    found: list[str] = _ASCII_WHOLE.findall(text) if text.isascii() else _WHOLE.findall(unwrap(text))
    return found


def number_terms(number: str) -> list[str]:
    """Return the terms of a number with separators: itself, without those of thousands; of a date or a version the parts too.

    As one word, as UAX #29 has it, and not as its parts, measured on dev queries: the mean nDCG@10 of four collections rises
    from 0.472 to 0.479 (tatqa 0.492 to 0.518, scifact 0.708 to 0.712, nfcorpus and cosqa within 0.001).

    Examples:
        >>> number_terms("3,5") + number_terms("1,234.50") + number_terms("12.05.2024")
        ['3.5', '1234.50', '12.05.2024', '12', '05', '2024']
    """
    if _THOUSANDS.fullmatch(number):
        point = max(map(number.rfind, ".,")) if "." in number and "," in number else len(number)
        whole = number[:point].replace(",", "").replace(".", "")
        return [f"{whole}.{number[point + 1 :]}".rstrip(".")]
    parts = re.split("[.,]", number)
    return [".".join(parts), *(parts if len(parts) >= _DATE else [])]


def identifier_parts(text: str) -> list[str]:
    """Return the parts of words in camel or snake case, of words with a number in them, and of Persian words with a joint.

    Parts of numbered words, E42 as E 42, measured on dev queries: the mean nDCG@10 of four collections rises from 0.467 to
    0.473 (scifact 0.696 to 0.709, cosqa 0.381 to 0.391, tatqa 0.490 to 0.492, nfcorpus 0.300 to 0.300).

    Examples:
        >>> identifier_parts("call writeBoolean or HTTP_PORT on model E42")
        ['write', 'boolean', 'http', 'port', 'e', '42']
    """
    parts: list[str] = []
    for word in pieces_of(text):
        if _NUMBERED.search(word):
            parts += map(fold, _PART.findall(word))
        elif _IDENTIFIER.search(word):
            parts += [fold(part) for part in _PART.findall(word) if len(part) >= _LEAST]
        elif _NO_JOINER in word:
            parts += [fold(part) for part in word.split(_NO_JOINER) if len(part) >= _LEAST]
    return parts
