"""Queries without a language model: heading, spans, key phrases and sentences of a passage.

Four kinds, each tagged: ``heading`` (the heading or title above a passage), ``span`` (a long noun phrase, or else a short
sentence), ``keyphrase`` (a noun phrase) and ``sentence``. A share of the headings and key phrases that the passage names twice
becomes a question. Nothing is cut in the middle of a phrase: what nobody would type teaches nothing. The random generator is
seeded by the passage, so that its queries do not depend on other passages.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from embedtune.synthesis.phrases import Run, Word, clauses_of, connects, is_cut, runs_of, tells_nouns
from embedtune.synthesis.questions import ask
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.analyzer import lexical_terms
from embedtune.text.parts_of_speech import has_tagger
from embedtune.text.sentences import WIDE_MARKS, sentences_of
from embedtune.text.words import count_words, has_words_without_blanks, token_spans, unwrap
from embedtune.types import PATH_SEPARATOR, SYNTHETIC_KINDS, Passage

KINDS = SYNTHETIC_KINDS

_SPAN_WORDS = (3, 12)
_CLAUSE_WORDS = (2, 12)
_SENTENCE_WORDS = (6, 20)
_LETTERS = 0.6  # of the characters that are not white space
_WORDS_PER_DRAW = 150
_SPAN_DRAWS = 16
_WITH_ARTICLES = ("french", "italian", "portuguese", "spanish")  # a common noun alone is not asked about
_LONG_WORD = 3  # characters of Han or kana
_NOT_TYPED = re.compile(
    r"[{}<>|=\\^~`@]|\"\"\"|\(\)|::|:param|\w\[|[•●▪◦©]|\.\.|(?<!\w)--|(?<!\S)#(?!\S)|https?:|\w\(['\"]"
)
_CUT_NAME = re.compile(r"[^\W_a-zA-Z0-9]_|_[^\W_a-zA-Z0-9]")  # an identifier is of one script
_IDENTIFIER = re.compile(r"\b(?:def|self)\b|[^\W\d_]{2}[._][^\W\d_]{2}|\b_|_\b")
_NUMBER = re.compile(r"\A(?:(?:\d+\.)+\d*|[A-Z]\.(?:\d+\.?)*)\s+")  # of a section
_LABEL_ENDS = re.compile(r"[:;] ")
_ABBREVIATION = re.compile(r"\b(?:\w\.\w|Mrs?|Ms|Dr|St|No|Inc|[Ff]ig|vs|Nr)\Z")
# Fields, footnotes, rests of references and abbreviations, and of a sentence that a quotation with a full stop divides.
_NO_SENTENCE = re.compile(r"\d|[:@]\w|\((?:\d{1,3}|[a-z])\)|[a-z]\)|\[\d|[A-Z]\.\W|[でにをはがのとへも][^ぁ-ゖ]")
_LEADS_TO_A_LIST = re.compile(r"(?::|\b(?:are|is|was|were|follows)[ .]*)\s*\Z")
_HAS_CODE = re.compile(
    r"^[ \t]*(?:(?:async|export|public|private|static)[ \t]+)*(?:def|class|func|function|fn)[ \t]+\w+[ \t]*[({:]", re.M
)
_CODE_LINE = re.compile(
    r"^[ \t]*(?:(?:async|for|while|if|elif|else|try|except|with|switch|case)\b.*[:{]"
    r"|(?:return|raise|yield|assert|import)\b.*)$",
    re.M,
)
_EMPHASIS = re.compile(r"\*{1,2}(?=\w)|(?<=\w)\*{1,2}")  # marks of Markdown and reStructuredText that a reader left
_QUOTES = re.compile(r'(?<!\d)"')  # behind a number it means inches
_PAIRS = (("(", ")"), ("[", "]"), ("«", "»"))


class Draft(NamedTuple):
    """A query not yet filtered."""

    text: str
    kind: str
    passage_id: str


def draft_queries(
    passages: Sequence[Passage],
    *,
    kinds: Sequence[str],
    per_kind: int,
    statistics: CorpusStatistics,
    seed: int,
    question_share: float = 0.0,
) -> list[Draft]:
    """Draft up to ``per_kind`` queries of each of some ``KINDS`` for each 150 words of a passage; a heading gives one.

    A share of headings and key phrases, 0 to 1, becomes questions if the language of the passage has ``questions.FORMS``.
    """
    drafts = []
    for passage in passages:
        draw = random.Random(f"{seed}:{passage.passage_id}")  # noqa: S311 (reproducible on purpose)
        count = per_kind * max(1, round(count_words(passage.text) / _WORDS_PER_DRAW))
        reading = _Reading(passage, statistics, statistics.language_of(passage.text))
        for kind in filter(kinds.__contains__, KINDS):
            for text in _MAKERS[kind](reading, count, draw):
                asked = question_share if _can_be_asked(text, kind, reading) else 0.0
                drafts.append(Draft(_query(text, reading.language, asked, seed), kind, passage.passage_id))
    return drafts


def _can_be_asked(text: str, kind: str, reading: _Reading) -> bool:
    """Return whether a text is a thing that one could ask about: a heading or a noun phrase that its passage is about."""
    is_noun = text[:1].isalnum() and (kind == "heading" or (kind == "keyphrase" and tells_nouns(reading.language)))
    lacks_article = reading.language in _WITH_ARTICLES and reading.is_common(text)
    return is_noun and not lacks_article and reading.mentions(text) > 1


def _query(text: str, language: str, share: float, seed: int) -> str:
    """Make a question of a share of the texts, with a generator for each text, so that texts are independent."""
    draw = random.Random(f"{seed}:{text}")  # noqa: S311 (reproducible on purpose)
    return ask(text, language, draw) if draw.random() < share else text


class _Clause(NamedTuple):
    """A part of a sentence that no mark divides."""

    sentence: str
    words: list[Word]
    runs: list[Run]

    def text_of(self, first: Run, last: Run) -> str:
        """Return what stands from the start of one run to the end of another."""
        return _tidy(self.sentence[self.words[first.first].start : self.words[last.last].end])

    def texts(self, runs: Iterable[Run]) -> Iterator[tuple[str, bool]]:
        """Yield the texts of some runs, with whether they have several words."""
        for run in runs:
            yield self.text_of(run, run), run.last > run.first


@dataclass(frozen=True)
class _Reading:
    """A passage and how to read it; what all kinds of queries need is computed once."""

    passage: Passage
    statistics: CorpusStatistics
    language: str

    @cached_property
    def sentences(self) -> list[list[_Clause]]:
        """The clauses of each sentence."""
        return [
            [
                _Clause(sentence, words, runs_of(sentence, words, self.language))
                for words in clauses_of(sentence, self.statistics, self.language)
            ]
            for sentence in sentences_of(_without_code(self.passage.text))
        ]

    @cached_property
    def _terms(self) -> Counter[str]:
        return Counter(lexical_terms(self.passage.full_text))

    @cached_property
    def _folded(self) -> str:
        return self.passage.full_text.casefold()

    def mentions(self, text: str) -> int:
        """Return how often the passage names something."""
        return self._folded.count(text.casefold())

    def is_common(self, text: str) -> bool:
        """Return whether a text is a word that is no name."""
        return " " not in text and (text.islower() or text.lower() in self.passage.text)

    def is_topical(self, text: str) -> bool:
        """Return whether a text shares a term with another part of the passage."""
        return any(self._terms[term] > 1 for term in self.statistics.content_terms(text))

    def can_stand_alone(self, text: str) -> bool:
        """Return whether a phrase of a few words is likely to be a thing, and not only "recent years"."""
        words = text.split()
        is_name = self.language != "german" and any(not word.islower() for word in words[1:])
        return self.mentions(text) > 2 or len(words) > 2 or is_name or self.is_topical(text)

    def rank(self, text: str) -> tuple[bool, float, str]:
        """Return a key that sorts what is topical first, then what is salient."""
        return not self.is_topical(text), -self.statistics.salience(text), text


def _headings(reading: _Reading, count: int, draw: random.Random) -> list[str]:
    """Return the innermost heading, with the one above it when it says little alone."""
    path = [
        _tidy(_NUMBER.sub("", heading)) or heading for heading in reading.passage.title.split(PATH_SEPARATOR) if heading
    ]
    if not path:
        return []
    short = len(reading.statistics.content_terms(path[-1])) < 2
    return [" ".join(path[-2:]) if short else path[-1]]


def _spans(reading: _Reading, count: int, draw: random.Random) -> list[str]:
    """Return long noun phrases of the passage's topic, or else a short clause if no tagger tells, or short noun phrases."""
    makers: list[Callable[[_Clause], Iterable[str]]] = [lambda clause: _parts(clause, reading.language), _long_nouns]
    if not has_tagger(reading.language):  # there may be nouns that we cannot tell
        makers.insert(1, _short_clause)
    for maker in makers:
        found = {part: None for clauses in reading.sentences for clause in clauses for part in maker(clause)}
        usable = [part for part in found if is_readable(part) and not _IDENTIFIER.search(part)]
        if usable:
            drawn = draw.sample(usable, min(-(-len(usable) // 2), _SPAN_DRAWS * count))
            return _apart(sorted(drawn, key=reading.rank), count)
    return []


def _short_clause(clause: _Clause) -> list[str]:
    text, words = _tidy(clause.sentence), clause.words
    is_whole = text == _tidy(clause.sentence[words[0].start : words[-1].end])
    return [text] if is_whole and _is_within(len(words), _CLAUSE_WORDS) and not words[-1].is_function else []


def _long_nouns(clause: _Clause) -> list[str]:
    return [text for text, is_long in clause.texts(run for run in clause.runs if run.is_noun) if is_long]


def _parts(clause: _Clause, language: str) -> Iterator[str]:
    """Yield the longest noun phrases of a clause: runs that words like "of", "in" and "and" connect."""
    for chain in _chains(clause, language):
        if _is_within(chain[-1].last - chain[0].first + 1, _SPAN_WORDS):
            yield clause.text_of(chain[0], chain[-1])


def _chains(clause: _Clause, language: str) -> Iterator[list[Run]]:
    """Yield runs that are connected from one that begins a noun phrase to the last that ends one, if the phrase ends there."""
    chain: list[Run] = []
    for run in [*clause.runs, None]:
        is_near = run and chain and run.last - chain[0].first < _SPAN_WORDS[1]
        if run and is_near and connects(clause.sentence, clause.words, chain[-1], run, language):
            chain.append(run)
            continue
        ends = [number for number, each in enumerate(chain) if each.ends]
        if ends and not is_cut(clause.sentence, clause.words, chain[0], chain[ends[-1]], language):
            yield chain[: ends[-1] + 1]
        chain = [run] if run and run.begins else []


def _sentences(reading: _Reading, count: int, draw: random.Random) -> list[str]:
    """Return sentences of ordinary length, the more salient half preferred."""
    pieces = [piece.lstrip() for piece in sentences_of(reading.passage.text)]
    if any(piece[:1].isupper() for piece in pieces):  # what has none is the rest of a sentence
        pieces = [piece for piece in pieces if not piece[:1].islower()]
    elif reading.passage.start:  # the passage may begin within a sentence
        pieces = pieces[1:]
    sentences = [
        _tidy(piece) for piece in pieces if not _NO_SENTENCE.match(piece) and not _LEADS_TO_A_LIST.search(piece)
    ]
    usable = [text for text in sentences if _is_within(count_words(text), _SENTENCE_WORDS) and _is_whole(text)]
    usable.sort(key=lambda text: (-reading.statistics.salience(text), text))
    pool = usable[: max(count, len(usable) // 2)]
    return draw.sample(pool, min(count, len(pool)))


def _keyphrases(reading: _Reading, count: int, draw: random.Random) -> list[str]:
    """Return noun phrases that the passage is about, of different sentences.

    Where no noun phrase sets the passage apart, as in a table, cells do, or else what content words stand in a row.
    """
    for phrases_of, choose in ((_nouns, _topical), (_cells, _topical), (_runs, _rare)):
        pools = [choose(phrases_of(clauses), reading) for clauses in reading.sentences]
        if drawn := sorted({draw.choice(pool) for pool in pools if pool}, key=reading.rank):
            return draw.sample(drawn[: max(count, -(-len(drawn) // 2))], min(count, len(drawn)))
    return []


def _nouns(clauses: Sequence[_Clause]) -> dict[str, bool]:
    """Return the noun phrases of a sentence, with whether one is long."""
    return {
        text: is_long or _is_long_without_blanks(text)
        for clause in clauses
        for text, is_long in clause.texts(run for run in clause.runs if run.is_noun)
    }


def _cells(clauses: Sequence[_Clause]) -> dict[str, bool]:
    """Return what stands between marks, with whether it is long, if a function word does not show that it is prose."""
    if any(word.is_function for clause in clauses for word in clause.words):
        return {}
    return dict(text for clause in clauses for text in clause.texts(run for run in clause.runs if run.is_clause))


def _runs(clauses: Sequence[_Clause]) -> dict[str, bool]:
    return dict(text for clause in clauses for text in clause.texts(clause.runs))


def _topical(phrases: Mapping[str, bool], reading: _Reading) -> list[str]:
    """Return the better half of the phrases that could be a query."""
    topics = [
        text for text, is_long in phrases.items() if is_readable(text) and (is_long or reading.mentions(text) > 1)
    ]
    alone = sorted(filter(reading.can_stand_alone, topics), key=reading.rank)
    rare = [text for text in alone if not reading.statistics.is_generic(text)]
    return rare[: max(2, -(-len(rare) // 2))]


def _rare(phrases: Mapping[str, bool], reading: _Reading) -> list[str]:
    """Return the long ones of rare phrases, or the others where there are none."""
    usable = [text for text in phrases if is_readable(text) and not reading.statistics.is_generic(text)]
    return [text for text in usable if phrases[text]] or usable


def _is_long_without_blanks(text: str) -> bool:
    return len(text) >= _LONG_WORD and has_words_without_blanks(text)


def _tidy(text: str) -> str:
    return " ".join(_EMPHASIS.sub("", unwrap(text)).split()).strip(f" ,;:.-–—•*·{WIDE_MARKS}")


def _without_code(text: str) -> str:
    """Return text without lines that are statements, where it has definitions of functions or classes."""
    return _CODE_LINE.sub("", text) if _HAS_CODE.search(text) else text


def is_language(text: str) -> bool:
    """Return whether most characters of a text, without white space, are letters: numbers and symbols are no query."""
    return sum(map(str.isalpha, text)) >= _LETTERS * sum(map(len, text.split())) > 0


def is_readable(text: str) -> bool:
    """Return whether a text is language without code, markup, cells of a table or one half of a pair of brackets.

    An identifier alone is readable, people search for names; a text that is half of identifiers is code.
    """
    tokens = text.split()
    names = sum(_IDENTIFIER.search(token) is not None for token in tokens)
    return (
        is_language(text)
        and (len(tokens) == 1 or 2 * names < len(tokens))
        and not _NOT_TYPED.search(text)
        and not _CUT_NAME.search(text)
        and all(text.count(a) == text.count(b) for a, b in _PAIRS)
        and len(_QUOTES.findall(text)) % 2 == 0
    )


def _is_whole(text: str) -> bool:
    """Return whether a text is readable, no row of a table, and not cut at an abbreviation."""
    return is_readable(text) and len(_LABEL_ENDS.findall(text)) < 2 and not _ABBREVIATION.search(text)


def _is_within(number: int, limits: tuple[int, int]) -> bool:
    return limits[0] <= number <= limits[1]


def _apart(texts: Sequence[str], count: int) -> list[str]:
    """Keep the first texts that share less than half of their words with each kept before."""
    kept: dict[str, set[str]] = {}
    for text in texts:
        words = {text[start:end] for start, end in token_spans(text)}
        if all(2 * len(words & others) < len(words) for others in kept.values()):
            kept[text] = words
        if len(kept) == count:
            break
    return list(kept)


_MAKERS: dict[str, Callable[[_Reading, int, random.Random], list[str]]] = {
    "heading": _headings,
    "span": _spans,
    "keyphrase": _keyphrases,
    "sentence": _sentences,
}
