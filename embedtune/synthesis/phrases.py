"""The parts of a passage that read well alone: noun phrases.

A run of words without a function word or a mark between them is a candidate for a key phrase (RAKE, Rose et al. 2010). Where
a language has ``LEADS``, a run counts as a noun phrase when an article or a preposition stands before it and nothing after it
that may belong to it: the end of its clause or one of ``FOLLOWERS``. Both together keep verbs and halves of phrases out
without a tagger, and lose many noun phrases; a passage has enough of them.
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
_MOST_OF_CELL = 6
_JOINED = regex.compile(r"[-‐‑'’./&_]|[ \t\r\n]*")  # between two words of one clause; a lone line break is a blank
_ENDING = regex.compile(r"\p{Han}|.*\p{Hiragana}")  # one character, or a word with an ending: seldom a noun
_MODALS = frozenset(("could", "would", "should", "might", "must", "may", "shall", "cannot"))  # in no list of stop words
_CASES = tuple("はがをにへとのでも")  # particles behind a noun
_EMPTY = regex.compile(
    r".*(?:的|以上|以下|以内|以外|以降|同様|場合|上記|下記|必要|可能|一般|通常|自動|最初|最後|自分|時点)"
)  # say nothing alone
_NO_NOUNS = {  # endings of participles, adverbs and infinitives; some nouns have them too
    "english": ("ed", "ly"),
    "french": ("er", "ir"),
    "italian": ("are", "ere", "ire"),
    "portuguese": ("ar", "er", "ir"),
    "spanish": ("ar", "er", "ir"),
}
_PARTICLE = regex.compile(r"[\p{Hiragana}ー]+")  # of Japanese, whose words of hiragana alone are particles and endings


class Word(NamedTuple):
    """A word of a text: where it stands, and whether it is a function word."""

    start: int
    end: int
    is_function: bool


class Run(NamedTuple):
    """Some content words in a row, no more than three, or six where nothing else stands in their clause.

    Attributes:
        first: Number of its first word in the clause.
        last: Number of its last word.
        begins: Whether a noun phrase seems to begin with it.
        ends: Whether a noun phrase seems to end with it.
        is_clause: Whether nothing else stands in its clause, as in a cell of a table or an item of a list.
    """

    first: int
    last: int
    begins: bool
    ends: bool
    is_clause: bool

    @property
    def is_noun(self) -> bool:
        """Whether it seems to be a noun phrase."""
        return self.begins and self.ends


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
    is known, as without a list of function words. They are taken in threes, unless a cell of a table holds them.
    """
    runs: list[Run] = []
    for is_function, group in groupby(range(len(clause)), key=lambda number: clause[number].is_function):
        numbers = list(group)
        if is_function:
            continue
        bare = _bare(text, clause, numbers, language)
        is_clause = len(numbers) == len(clause) and _seems_noun(text, clause[numbers[-1]], language)
        is_short = len(bare) <= _MOST or language not in LEADS
        begins, ends = (is_short and tell(text, clause, numbers, language) for tell in (_begins, _ends))
        for few in _pieces(bare, _MOST_OF_CELL if is_clause and len(bare) <= _MOST_OF_CELL else _MOST):
            inflected = _ENDING.fullmatch(text, clause[few[0]].start, clause[few[-1]].end)
            runs.append(Run(few[0], few[-1], begins and not inflected, ends and not inflected, is_clause))
    return runs


def _begins(text: str, clause: Sequence[Word], numbers: Sequence[int], language: str) -> bool:
    """Return whether a lead stands before a run, and no gerund at its start, as in "by heating the wall"."""
    leads = LEADS.get(language)
    if leads is None:
        return True
    is_gerund = language == "english" and len(numbers) > 1 and _word(text, clause[numbers[0]]).endswith(("ing", "ly"))
    return numbers[0] > 0 and _word(text, clause[numbers[0] - 1]) in leads and not is_gerund


def _ends(text: str, clause: Sequence[Word], numbers: Sequence[int], language: str) -> bool:
    """Return whether a run seems to end with a noun, and what follows cannot belong to it."""
    last, is_one = clause[numbers[-1]], len(numbers) == 1
    if not _seems_noun(text, last, language):
        return False
    if numbers[-1] + 1 == len(clause):
        # A comma may stand between two adjectives, and what a colon follows is a label.
        mark = text[last.end : last.end + 1]
        return mark != ":" and (mark != "," or not is_one or language not in FOLLOWERS)
    follower = _word(text, clause[numbers[-1] + 1])
    if language == "japanese":
        return follower.startswith(_CASES) and not _EMPTY.fullmatch(text, clause[numbers[0]].start, last.end)
    if language not in FOLLOWERS or follower in FOLLOWERS[language]:
        return True
    is_verb = language == "english" and _word(text, last).endswith("ing")
    return is_one and not is_verb and follower in FOLLOWERS_OF_ONE[language] | LEADS[language]


def _seems_noun(text: str, word: Word, language: str) -> bool:
    """Return whether nothing in the spelling of a word speaks against a noun."""
    if language == "german" and not text[word.start].isupper():
        return False
    if _word(text, word).endswith(_NO_NOUNS.get(language, ())):
        return False
    return _says_something(text, word)  # "aged 40"


def _word(text: str, word: Word) -> str:
    return text[word.start : word.end].casefold()


def _pieces(numbers: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + most] for start in range(0, len(numbers), most))


def tells_nouns(language: str) -> bool:
    """Return whether noun phrases of a language can be told from other runs of content words."""
    return language == "japanese" or language in LEADS


def _bare(text: str, clause: Sequence[Word], numbers: list[int], language: str) -> list[int]:
    telling = [number for number in numbers if _says_something(text, clause[number])]
    if language == "german":  # the ending of an adjective fits its article alone
        nouns = [number for number in telling if text[clause[number].start].isupper()]
        telling = telling[telling.index(nouns[0]) :] if nouns else telling
    return list(range(telling[0], telling[-1] + 1)) if telling else []


def _says_something(text: str, word: Word) -> bool:
    letters = text[word.start : word.end]
    return any(map(str.isalpha, letters)) and (len(letters) > 1 or not letters.isascii())


def _is_function(word: str, statistics: CorpusStatistics) -> bool:
    if word.casefold() in _MODALS:
        return True
    return statistics.stop_words.issuperset(lexical_terms(word)) or _PARTICLE.fullmatch(word) is not None


def connects(text: str, clause: Sequence[Word], first: Run, second: Run, language: str) -> bool:
    """Return whether nothing but leads and the word for "and" stands between two runs: both may be of one noun phrase."""
    between = {_word(text, word) for word in clause[first.last + 1 : second.first]}
    return language not in LEADS or between <= LEADS[language] | AND[language]


LEADS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": "the a an this these its their his her our your of in for with by on between from at under over through "
        "during against without within",
        "french": "le la les l un une des du de d au aux ce cet cette ces son sa ses leur leurs en dans par pour sur avec "
        "sans entre sous vers depuis pendant contre",
        "german": "der die das den dem ein eine einen einem einer dieser diese diesen diesem seine ihre "
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

AND: dict[str, frozenset[str]] = {
    "english": frozenset(("and", "or")),
    "french": frozenset(("et", "ou")),
    "german": frozenset(("und", "oder")),
    "spanish": frozenset(("y", "e", "o")),
    "italian": frozenset(("e", "ed", "o")),
    "portuguese": frozenset(("e", "ou")),
    "dutch": frozenset(("en", "of")),
}
"""Language → what joins two nouns."""

FOLLOWERS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": "of is are was were has have had can could may might will would must should cannot who which whose",
        "french": "est sont était étaient fut furent sera seront a ont avait avaient aura peut peuvent doit doivent qui dont",
        "german": "ist sind war waren wird werden wurde wurden hat haben hatte hatten kann können konnte muss müssen soll "
        "sollte darf des der von und oder aber",
        "spanish": "es son era eran fue fueron será serán ha han había habían puede pueden debe deben quien cuyo cuya",
        "italian": "è sono era erano fu furono sarà saranno ha hanno aveva avevano può possono deve devono cui",
        "portuguese": "é são era eram foi foram será serão tem têm tinha pode podem deve devem cujo cuja",
        "dutch": "is zijn was waren wordt worden werd werden heeft hebben had hadden kan kunnen kon moet moeten zal zullen die",
    }.items()
}
"""Language → words that stand behind a noun phrase: auxiliaries and relative pronouns."""

FOLLOWERS_OF_ONE: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": "that when where while because if",
        "french": "que où mais car si lorsque quand",
        "german": "die das dass wenn weil",
        "spanish": "que donde pero si cuando",
        "italian": "che dove ma se quando",
        "portuguese": "que onde mas se quando",
        "dutch": "dat maar als toen",
    }.items()
}
"""Language → words that stand behind verbs as well, as leads do: a single led word, which is no verb, ends before them."""
