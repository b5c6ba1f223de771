"""The parts of a passage that read well alone: noun phrases.

A run of words without a function word or a mark between them is a candidate for a key phrase (RAKE, Rose et al. 2010). Where
a language has a tagger, a noun phrase is a run of adjectives and nouns that ends with a noun. Where it has ``LEADS`` alone, a
run counts as one when an article or a preposition stands before it and nothing after it that may belong to it: the end of its
clause or one of ``FOLLOWERS``. Both together keep verbs and halves of phrases out, and lose many noun phrases; a passage has
enough of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import regex

from embedtune.synthesis.function_words import (
    ADVERBIAL,
    ARTICLES,
    BETWEEN,
    CLAIMS,
    CONJUNCTIONS,
    FOLLOWERS,
    FOLLOWERS_OF_ONE,
    GENITIVES,
    LEADS,
    MODIFIERS,
    PREPOSITIONS,
    TIMES,
)
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.analyzer import lexical_terms
from embedtune.text.parts_of_speech import Part, has_tagger, parts_of_speech
from embedtune.text.words import word_spans

_MOST = 3  # words of a noun phrase
_MOST_TAGGED = 4
_MOST_OF_CELL = 6
_JOINED = regex.compile(r"[-‐‑'’./&_]|[ \t\r\n]*")  # between two words of one clause; a lone line break is a blank
_HYPHENS = frozenset("-‐‑./&_")  # make one word of two for a tagger
_APOSTROPHES = frozenset("'’")
_ENDING = regex.compile(r"\p{Han}|.*\p{Hiragana}")  # one character, or a word with an ending: seldom a noun
# A Japanese word that ends a clause or has its particles: it is no part of a noun.
_VERB = regex.compile(r".*(?:[うくぐすつぬぶむるただてではがをにとのも]|ない|ゆえ|より|から|まで)")
_CASES = tuple("はがをにへとのでも")  # particles behind a noun
_EMPTY = regex.compile(  # say nothing alone
    r".*(?:的|以上|以下|以内|以外|以降|同様|場合|上記|下記|必要|可能|一般|通常|自動|最初|最後|自分|時点"
    r"|今後|現在|以前|従来|今回|代わり|..中|..用|.[^向以]上)"
)
_NO_NOUNS = {  # endings of participles, adverbs and infinitives; some nouns have them too
    "french": ("a", "er", "ir", "aient", "èrent", "irent", "urent"),
    "italian": ("are", "ere", "ire"),
    "portuguese": ("ar", "er", "ir"),
    "spanish": ("ar", "er", "ir"),
}
# Of Romance languages; some nouns end so, too.
_PARTICIPLE = regex.compile(r"(?:(?<!t)ée?s?|[aiu]d[ao]s?|[aiu]t[aeio])$")
_PARTICLE = regex.compile(r"[\p{Hiragana}ー]+")  # of Japanese, whose words of hiragana alone are particles and endings


class Word(NamedTuple):
    """A word of a text: where it stands, whether it is a function word, and its part of speech, where that is known."""

    start: int
    end: int
    is_function: bool
    part: Part | None = None


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


def clauses_of(text: str, statistics: CorpusStatistics, language: str) -> Iterator[list[Word]]:
    """Yield the words of each part of a sentence that no mark divides."""
    clause: list[Word] = []
    spans = list(word_spans(text))
    for (start, end), part in zip(spans, _parts(text, spans, language), strict=True):
        # A new line that begins with a capital seldom goes on with the phrase above, but in German.
        is_new = (
            language != "german" and text[start].isupper() and "\n" in text[clause[-1].end if clause else start : start]
        )
        if clause and (is_new or not _JOINED.fullmatch(text, clause[-1].end, start)):
            yield clause
            clause = []
        clause.append(Word(start, end, _is_function(text[start:end], statistics, language), part))
    if clause:
        yield clause


def _parts(text: str, spans: Sequence[tuple[int, int]], language: str) -> list[Part] | list[None]:
    """Return the part of speech of each word; the words that a hyphen joins have one together."""
    if not has_tagger(language):
        return [None] * len(spans)
    tokens: list[str] = []
    token_of: list[int] = []
    last = 0
    for start, end in spans:
        between, word = text[last:start], text[start:end]
        if tokens and between in _HYPHENS:
            tokens[-1] += between + word
        elif between in _APOSTROPHES:
            tokens.append("'" + word)
        else:
            tokens += [*"".join(between.split()), word]
        token_of.append(len(tokens) - 1)
        last = end
    parts = parts_of_speech([*tokens, *"".join(text[last:].split())], language)
    return [parts[number] for number in token_of]


def runs_of(text: str, clause: Sequence[Word], language: str) -> list[Run]:
    """Return the runs of content words of a clause, in order; numbers and single letters at their ends are left out.

    With a tagger they are noun phrases. Without one, more than three content words in a row are no noun phrase in a language
    with ``LEADS``; in another one that may be all that is known, as without a list of function words. They are taken in threes,
    unless a cell of a table holds them.
    """
    return list(_noun_phrases(text, clause, language) if has_tagger(language) else _runs(text, clause, language))


def _noun_phrases(text: str, clause: Sequence[Word], language: str) -> Iterator[Run]:
    for numbers in _nominal(text, clause, language):
        nouns = [number for number in numbers if clause[number].part in ("noun", "plural")]
        few = _bare(text, clause, [number for number in numbers if nouns and number <= nouns[-1]])
        is_clause = len(few) == len(clause)
        if few and len(few) <= (_MOST_OF_CELL if is_clause else _MOST_TAGGED):
            begins = not _leans(text, clause, few, language) and not _is_adverb(text, clause, few, language)
            # What a number, an adjective or a hyphen follows goes on: "at December 31", "Groß- und Kleinschreibung".
            end = clause[few[-1]].end
            is_last = few[-1] == numbers[-1] and text[end : end + 1] not in ("-", "‐", "‑")
            is_time = len(few) == 1 and _word(text, clause[few[0]]) in TIMES.get(language, ())
            ends = is_last and not is_time and not _is_labelled(text, clause, few[-1])
            yield Run(few[0], few[-1], begins, ends, is_clause)


def _leans(text: str, clause: Sequence[Word], numbers: Sequence[int], language: str) -> bool:
    """Return whether a run does not stand without the word before it, as a name or a noun with a participle does not."""
    before, first = _before(text, clause, numbers), numbers[0]
    if before in PREPOSITIONS[language] | CONJUNCTIONS[language] and first > 1 and language != "german":
        # "Utilization Project" of "Cost and Utilization Project"
        return text[clause[first].start].isupper() and text[clause[first - 2].start].isupper()
    is_participle = language == "english" and before.endswith(("ed", "ing")) and not clause[first - 1].is_function
    return is_participle or before in CLAIMS.get(language, ())


def _is_labelled(text: str, clause: Sequence[Word], last: int) -> bool:
    """Return whether a letter or a number follows that belongs to a noun: "vitamin D"."""
    follower = text[clause[last + 1].start : clause[last + 1].end] if last + 1 < len(clause) else ""
    return len(follower) == 1 and not follower.islower()


def _nominal(text: str, clause: Sequence[Word], language: str) -> Iterator[list[int]]:
    """Yield the numbers of nouns in a row, with their adjectives where these read well without an article: not in German."""
    numbers: list[int] = []
    for number, word in enumerate(clause):
        is_number = not any(map(str.isalpha, text[word.start : word.end]))  # "type 2 diabetes"
        is_noun_or_adjective = word.part != "other" and not word.is_function
        if is_number or (is_noun_or_adjective and (language != "german" or text[word.start].isupper())):
            numbers.append(number)
        if numbers and (numbers[-1] != number or word.part == "plural"):
            yield numbers
            numbers = []
    if numbers:
        yield numbers


def _runs(text: str, clause: Sequence[Word], language: str) -> Iterator[Run]:
    for is_function, group in groupby(range(len(clause)), key=lambda number: clause[number].is_function):
        numbers = list(group)
        if is_function:
            continue
        bare = _bare(text, clause, numbers)
        is_clause = len(numbers) == len(clause) and _seems_noun(text, clause[numbers[-1]], language)
        most = _MOST_TAGGED if language == "japanese" else _MOST  # whose words are the parts of compounds
        is_short = len(bare) <= most or not tells_nouns(language)
        begins, ends = (is_short and tell(text, clause, numbers, language) for tell in (_begins, _ends))
        for few in _pieces(bare, _MOST_OF_CELL if is_clause and len(bare) <= _MOST_OF_CELL else most):
            words = [text[clause[number].start : clause[number].end] for number in few]
            whole = text[clause[few[0]].start : clause[few[-1]].end]
            is_rest = _ENDING.fullmatch(whole) or (language == "japanese" and _is_rest(words))
            yield Run(few[0], few[-1], begins and not is_rest, ends and not is_rest, is_clause)


def _is_rest(words: Sequence[str]) -> bool:
    """Return whether some Japanese words hold the rest of a clause, or begin with one that says nothing alone."""
    return any(map(_VERB.fullmatch, words)) or _EMPTY.fullmatch(words[0]) is not None


def _begins(text: str, clause: Sequence[Word], numbers: Sequence[int], language: str) -> bool:
    """Return whether a lead stands before a run that may be a noun; of Japanese, whether it says something without a number."""
    if language == "japanese":
        start = clause[numbers[0]].start
        is_counted = text[max(0, start - 1) : start].isdigit()  # "1日"
        return not is_counted and not _EMPTY.fullmatch(text, start, clause[numbers[-1]].end)
    if language not in LEADS:
        return True
    if _is_adverb(text, clause, numbers, language) or not _seems_noun(text, clause[numbers[-1]], language):
        return False
    return _before(text, clause, numbers) in LEADS[language]


def _before(text: str, clause: Sequence[Word], numbers: Sequence[int]) -> str:
    return _word(text, clause[numbers[0] - 1]) if numbers[0] else ""


def _is_adverb(text: str, clause: Sequence[Word], numbers: Sequence[int], language: str) -> bool:
    """Return whether a single word makes an adverb or another preposition with those before it."""
    if language in LEADS and _before(text, clause, numbers) not in PREPOSITIONS[language]:
        return False  # "un fait"
    return len(numbers) == 1 and _word(text, clause[numbers[0]]) in ADVERBIAL.get(language, ())


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
        return follower.startswith(_CASES) and _begins(text, clause, numbers, language)
    if language not in FOLLOWERS or follower in FOLLOWERS[language]:
        return True
    return is_one and follower in FOLLOWERS_OF_ONE[language] | LEADS[language]


def _seems_noun(text: str, word: Word, language: str) -> bool:
    """Return whether nothing in the spelling of a word speaks against a noun."""
    if _word(text, word).endswith(_NO_NOUNS.get(language, ())):
        return False
    return _says_something(text, word)  # "aged 40"


def _word(text: str, word: Word) -> str:
    return text[word.start : word.end].casefold()


def _pieces(numbers: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + most] for start in range(0, len(numbers), most))


def tells_nouns(language: str) -> bool:
    """Return whether noun phrases of a language can be told from other runs of content words."""
    return has_tagger(language) or language == "japanese" or language in LEADS


def _bare(text: str, clause: Sequence[Word], numbers: Sequence[int]) -> list[int]:
    telling = [number for number in numbers if _says_something(text, clause[number])]
    return list(range(telling[0], telling[-1] + 1)) if telling else []


def _says_something(text: str, word: Word) -> bool:
    letters = text[word.start : word.end]
    return any(map(str.isalpha, letters)) and (len(letters) > 1 or not letters.isascii())


def _is_function(word: str, statistics: CorpusStatistics, language: str) -> bool:
    folded = word.casefold()
    if any(folded in words.get(language, ()) for words in (PREPOSITIONS, CONJUNCTIONS, ARTICLES, MODIFIERS)):
        return True
    return statistics.stop_words.issuperset(lexical_terms(word)) or _PARTICLE.fullmatch(word) is not None


def connects(text: str, clause: Sequence[Word], first: Run, second: Run, language: str) -> bool:
    """Return whether a preposition or "and", with an article at most, stands between two runs: both may be of one noun phrase.

    A first one of several words may have a verb in it, where no tagger tells. "And" connects two words of one kind alone: what
    it joins else may be halves of two phrases, as in "flows to the entity and specific criteria have been met".
    """
    if language not in PREPOSITIONS:
        return True
    between = {_word(text, word) for word in clause[first.last + 1 : second.first]}
    if between & CONJUNCTIONS[language]:
        are_words = first.last == first.first and second.last == second.first
        are_alike = _are_alike(text, clause[first.last], clause[second.last])
        return are_words and are_alike and between <= CONJUNCTIONS[language]
    is_phrase = has_tagger(language) or first.last == first.first
    prepositions = between & PREPOSITIONS[language]
    return is_phrase and bool(prepositions) and between <= prepositions | ARTICLES[language]


def _are_alike(text: str, first: Word, second: Word) -> bool:
    """Return whether two words have one part of speech; where it is unknown, are both names or neither, and no participle."""
    if first.part or second.part:
        return first.part == second.part
    is_participle = _PARTICIPLE.search(text, second.start, second.end) is not None
    return text[first.start].isupper() == text[second.start].isupper() and not is_participle


def is_cut(text: str, clause: Sequence[Word], first: Run, last: Run, language: str) -> bool:
    """Return whether what follows some runs belongs to them: "initial terms in excess" of a year, "links between" two."""
    words = [_word(text, word) for word in clause[first.first : last.last + 1]]
    lacks_second = not BETWEEN.get(language, frozenset()).isdisjoint(words) and CONJUNCTIONS[language].isdisjoint(words)
    follower = _word(text, clause[last.last + 1]) if last.last + 1 < len(clause) else ""
    return lacks_second or follower in GENITIVES.get(language, ())
