"""Queries without a language model: heading, spans, key phrases and sentences of a passage.

Four kinds, each tagged: ``heading`` (the heading or title above a passage), ``span`` (a few salient words in a row, of one
clause), ``keyphrase`` (one to three noun phrases of one sentence) and ``sentence``. Half of the spans and sentences lose
their function words, because people type key words as often as sentences, and a share of headings and key phrases becomes a
question. Nothing is cut in the middle of a phrase, and only noun phrases are asked for: what nobody would type teaches
nothing. The random generator is seeded by the passage, so that its queries do not depend on other passages.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from embedtune.synthesis.phrases import Run, Word, clauses_of, runs_of, tells_nouns
from embedtune.synthesis.questions import ask
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.sentences import WIDE_MARKS, sentences_of
from embedtune.text.words import count_words, token_spans
from embedtune.types import PATH_SEPARATOR, SYNTHETIC_KINDS, Passage

KINDS = SYNTHETIC_KINDS

_SPAN_WORDS = (4, 12)
_SENTENCE_WORDS = (6, 20)
_KEYWORDS = 10  # more words without their function words are no search
_LETTERS = 0.6  # of the characters that are not white space
_WORDS_PER_DRAW = 150
_SPAN_DRAWS = 16
_PHRASE_WORDS = (2, 6)
_PHRASE_RUNS = 3
_NOT_TYPED = re.compile(r"[{}<>|=\\^~`@]|\"\"\"|\(\)|::|:param|\w\[|[•●▪◦]|\.\.|(?<!\w)--|https?:")
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
        language = statistics.language_of(passage.text)
        reading = _Reading(passage, statistics, language)
        asked = ("heading", "keyphrase") if tells_nouns(language) else ("heading",)
        for kind in filter(kinds.__contains__, KINDS):
            share = question_share if kind in asked else 0.0
            for phrases in _MAKERS[kind](reading, count, draw):
                drafts.append(Draft(_query(phrases, language, share, seed), kind, passage.passage_id))
    return drafts


def _query(phrases: Sequence[str], language: str, share: float, seed: int) -> str:
    """Make a question of a share of the texts, with a generator for each text, so that texts are independent."""
    text = " ".join(phrases)
    draw = random.Random(f"{seed}:{text}")  # noqa: S311 (reproducible on purpose)
    return ask(phrases, language, draw) if draw.random() < share else text


class _Reading(NamedTuple):
    """A passage and how to read it."""

    passage: Passage
    statistics: CorpusStatistics
    language: str

    def clauses(self, text: str) -> list[tuple[list[Word], list[Run]]]:
        """Return the words of each clause with its runs of content words."""
        return [(words, runs_of(text, words, self.language)) for words in clauses_of(text, self.statistics)]


def _headings(reading: _Reading, count: int, draw: random.Random) -> list[list[str]]:
    """Return the innermost heading, with the one above it when it says little alone."""
    path = [heading for heading in reading.passage.title.split(PATH_SEPARATOR) if heading]
    if not path:
        return []
    short = len(reading.statistics.content_terms(path[-1])) < 2
    return [[" ".join(path[-2:]) if short else path[-1]]]


def _spans(reading: _Reading, count: int, draw: random.Random) -> list[list[str]]:
    """Return the most salient of half of the parts of clauses; where none is long enough, as in a table, labels."""
    text = reading.passage.text
    clauses = [(sentence, *clause) for sentence in sentences_of(text) for clause in reading.clauses(sentence)]
    parts = [part for sentence, words, runs in clauses for part in _parts(sentence, words, runs)]
    parts = parts or [
        _tidy(sentence[words[0].start : words[-1].end]) for sentence, words, _ in clauses if len(words) > 1
    ]
    drawn = draw.sample(parts, min(-(-len(parts) // 2), _SPAN_DRAWS * count))
    best = sorted(
        filter(is_readable, dict.fromkeys(drawn)), key=lambda part: (-reading.statistics.salience(part), part)
    )
    return [[_thin(part, reading, draw)] for part in _apart(best, count)]


def _parts(sentence: str, words: Sequence[Word], runs: Sequence[Run]) -> Iterator[str]:
    """Yield the parts of a clause from the start of one run of content words to the end of another."""
    for number, first in enumerate(runs):
        for last in runs[number : number + _SPAN_WORDS[1]]:  # every run has a word
            if _is_within(last.last - first.first + 1, _SPAN_WORDS):
                yield _tidy(sentence[words[first.first].start : words[last.last].end])


def _sentences(reading: _Reading, count: int, draw: random.Random) -> list[list[str]]:
    """Return sentences of ordinary length, the more salient half preferred."""
    sentences = map(_tidy, sentences_of(reading.passage.text))
    usable = [text for text in sentences if _is_within(count_words(text), _SENTENCE_WORDS) and is_readable(text)]
    usable.sort(key=lambda text: (-reading.statistics.salience(text), text))
    pool = usable[: max(count, len(usable) // 2)]
    return [[_thin(text, reading, draw)] for text in draw.sample(pool, min(count, len(pool)))]


def _keyphrases(reading: _Reading, count: int, draw: random.Random) -> list[list[str]]:
    """Return one to three noun phrases of one sentence, in the order of the text, the salient ones preferred.

    Of one sentence, because a search is about one thing, and so that the sentence can be removed. Where no noun phrase
    sets the passage apart, as in a list of names, other runs of content words do.
    """
    pools = _pools(reading, lambda run: run.is_noun) or _pools(reading, lambda run: True)
    return [_choose(pool, reading, draw) for pool in draw.sample(pools, min(count, len(pools)))]


def _pools(reading: _Reading, wanted: Callable[[Run], bool]) -> list[dict[str, int]]:
    """Return the wanted runs of each sentence that could be a query, in order, with the number of their words."""
    pools = [_phrases(sentence, reading, wanted) for sentence in sentences_of(reading.passage.text)]
    least = _PHRASE_WORDS[0]
    return [pool for pool in pools if sum(pool.values()) >= least and not reading.statistics.is_generic(" ".join(pool))]


def _phrases(sentence: str, reading: _Reading, wanted: Callable[[Run], bool]) -> dict[str, int]:
    phrases = {
        _tidy(sentence[words[run.first].start : words[run.last].end]): run.last - run.first + 1
        for words, runs in reading.clauses(sentence)
        for run in runs
        if wanted(run)
    }
    return {phrase: n_words for phrase, n_words in phrases.items() if is_readable(phrase)}


def _choose(pool: dict[str, int], reading: _Reading, draw: random.Random) -> list[str]:
    """Draw phrases with two to six words in all from the more salient ones."""
    least, most = _PHRASE_WORDS
    size = draw.randint(1, _PHRASE_RUNS)
    best = sorted(pool, key=lambda phrase: (-reading.statistics.salience(phrase), phrase))[: 2 * size]
    chosen: set[str] = set()
    for phrase in draw.sample(best, len(best)):
        n_words = sum(pool[other] for other in chosen)
        if n_words + pool[phrase] <= most and (len(chosen) < size or n_words < least):
            chosen.add(phrase)
    return [phrase for phrase in pool if phrase in chosen]


def _thin(text: str, reading: _Reading, draw: random.Random) -> str:
    """Drop the function words in half of the cases, unless what is left is too long for key words."""
    if draw.random() < 0.5:
        return text
    kept, n_words = [], 0
    for clause in clauses_of(text, reading.statistics):
        for is_function, words in groupby(clause, key=attrgetter("is_function")):
            if not is_function:
                run = list(words)
                kept.append(text[run[0].start : run[-1].end])
                n_words += len(run)
    return " ".join(kept) if 0 < n_words <= _KEYWORDS else text


def _tidy(text: str) -> str:
    return " ".join(text.split()).strip(f" ,;:.{WIDE_MARKS}")


def is_language(text: str) -> bool:
    """Return whether most characters of a text, without white space, are letters: numbers and symbols are no query."""
    return sum(map(str.isalpha, text)) >= _LETTERS * sum(map(len, text.split())) > 0


def is_readable(text: str) -> bool:
    """Return whether a text is language without code, markup, cells of a table or one half of a pair of brackets."""
    return is_language(text) and not _NOT_TYPED.search(text) and all(text.count(a) == text.count(b) for a, b in _PAIRS)


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


_MAKERS: dict[str, Callable[[_Reading, int, random.Random], list[list[str]]]] = {
    "heading": _headings,
    "span": _spans,
    "keyphrase": _keyphrases,
    "sentence": _sentences,
}
