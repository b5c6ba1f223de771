"""The parts of a passage that read well alone: runs of content words, and what stands between two of them in a clause.

A run of words without a function word or a mark between them is a candidate for a key phrase (RAKE, Rose et al. 2010). Where
a language has ``LEADS``, a run counts as a noun phrase when an article or a preposition stands before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import regex

from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.analyzer import lexical_terms
from embedtune.text.words import word_spans

_MOST = 3  # words of a noun phrase
_JOINED = regex.compile(r"[-‐‑'’./&_]|[ \t\r\n]*")  # between two words of one clause; a lone line break is a blank
_ENDING = regex.compile(r"\p{Han}|.*\p{Hiragana}")  # one character, or a word with an ending: seldom a noun
_MODALS = frozenset(("could", "would", "should", "might", "must", "may", "shall", "cannot"))  # in no list of stop words
_PARTICLE = regex.compile(r"[\p{Hiragana}ー]+")  # of Japanese, whose words of hiragana alone are particles and endings


class Word(NamedTuple):
    """A word of a text: where it stands, and whether it is a function word."""

    start: int
    end: int
    is_function: bool


class Run(NamedTuple):
    """Some content words in a row, no more than three.

    Attributes:
        first: Number of its first word in the clause.
        last: Number of its last word.
        is_noun: Whether it seems to be a noun phrase.
    """

    first: int
    last: int
    is_noun: bool


def clauses_of(text: str, statistics: CorpusStatistics) -> Iterator[list[Word]]:
    """Yield the words of each part of a text that no mark divides."""
    clause: list[Word] = []
    for start, end in word_spans(text):
        if clause and not _JOINED.fullmatch(text, clause[-1].end, start):
            yield clause
            clause = []
        clause.append(Word(start, end, _is_function(text[start:end], statistics)))
    if clause:
        yield clause


def runs_of(text: str, clause: Sequence[Word], language: str) -> list[Run]:
    """Return the runs of content words of a clause, in order; numbers and single letters at their ends are left out.

    More than three content words in a row are no noun phrase in a language with ``LEADS``; in another one that may be all that
    is known, as without a list of function words. They are taken in threes.
    """
    runs: list[Run] = []
    for is_function, group in groupby(range(len(clause)), key=lambda number: clause[number].is_function):
        numbers = list(group)
        if is_function:
            continue
        bare = _bare(text, clause, numbers)
        is_noun = (len(bare) <= _MOST or language not in LEADS) and _is_led(text, clause, numbers, language)
        for few in _threes(bare):
            inflected = _ENDING.fullmatch(text, clause[few[0]].start, clause[few[-1]].end)
            runs.append(Run(few[0], few[-1], is_noun and not inflected))
    return runs


def _is_led(text: str, clause: Sequence[Word], numbers: Sequence[int], language: str) -> bool:
    """Return whether a lead stands before a run, or nothing around it, as in a cell of a table or an item of a list."""
    leads = LEADS.get(language)
    if leads is None or len(numbers) == len(clause):
        return True
    before = clause[numbers[0] - 1] if numbers[0] else None
    return before is not None and text[before.start : before.end].casefold() in leads


def _threes(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + _MOST] for start in range(0, len(numbers), _MOST))


def tells_nouns(language: str) -> bool:
    """Return whether noun phrases of a language can be told from other runs of content words."""
    return language == "japanese" or language in LEADS


def _bare(text: str, clause: Sequence[Word], numbers: list[int]) -> list[int]:
    telling = [number for number in numbers if _says_something(text, clause[number])]
    return list(range(telling[0], telling[-1] + 1)) if telling else []


def _says_something(text: str, word: Word) -> bool:
    letters = text[word.start : word.end]
    return any(map(str.isalpha, letters)) and (len(letters) > 1 or not letters.isascii())


def _is_function(word: str, statistics: CorpusStatistics) -> bool:
    if word.casefold() in _MODALS:
        return True
    return statistics.stop_words.issuperset(lexical_terms(word)) or _PARTICLE.fullmatch(word) is not None


LEADS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": "the a an this these its their his her our your of in for with by on between from at under over through "
        "during against without within",
        "french": "le la les l un une des du de d au aux ce cet cette ces son sa ses leur leurs en dans par pour sur avec "
        "sans entre sous vers depuis pendant contre",
        "german": "der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen diesem seine ihre "
        "in im ins am an auf aus bei mit nach von vom zu zum zur über unter für durch ohne gegen zwischen seiner ihrer",
        "spanish": "el la los las un una unos unas del de al este esta estos estas su sus en con por para sobre entre sin "
        "desde contra durante",
        "italian": "il lo la i gli le l un uno una del dello della dei degli delle dell al allo alla ai agli alle di da dal "
        "dalla in nel nella nei nelle con per su sul sulla tra fra senza",
        "portuguese": "o a os as um uma uns umas do da dos das de no na nos nas ao em com por para pelo pela sobre entre "
        "sem seu sua seus suas",
        "dutch": "de het een deze dit van in op aan met voor door bij uit over onder naar tussen zonder tegen zijn haar hun",
    }.items()
}
"""Language → the articles, possessives and prepositions that stand before a noun phrase."""
