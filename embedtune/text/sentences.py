"""Where sentences and clauses end, and a passage without the sentence that a query was taken from.

``sentences_of`` splits behind every mark: its pieces become queries, or are dropped for one. Where a document is cut for
good, ``ends_sentence`` spares abbreviations and the numbers of list items too.
"""

from __future__ import annotations

import re
from itertools import pairwise

from embedtune.text.analyzer import lexical_terms
from embedtune.text.words import has_words_without_blanks, token_spans

_STOPS = "。！？｡︒"
_OTHER_STOPS = "؟۔։।॥။៕។༎።፧፨᠃᠉꓿᥄᥅⁇⁈⁉‼"
"""Ends of sentences in Arabic, Armenian, Indic, Burmese, Khmer, Tibetan, Ethiopic, Mongolian and Lisu script."""

_UNSPACED_STOPS = "။។៕།༎"
"""Those that need no blank behind them."""

WIDE_MARKS = f"{_STOPS}、，；：､၊။།༎។៕"
"""Marks of Chinese, Japanese and other scripts without blanks: there a word ends where a clause does."""

WIDE_CLOSERS = "」』”’）"

_CLOSERS = "\"'’”»)]"
_MARKS = (*".!?…", *_STOPS)
_ALL_STOPS = (*_STOPS, *_OTHER_STOPS)
_CLAUSE_MARKS, _WIDE_CLAUSE_MARKS = tuple(",;:–—،؛፣፤·"), tuple("、，；：､၊།")
_HAS_LETTER = re.compile(r"\w")
_ABBREVIATION = re.compile(
    r"""\A["'‘“«(\[]*(?:[^\W\d]|(?:\w\.)+\w|al|approx|bzw|ca|cf|ch|col|corp|dept|dr|eds?|eq|figs?|gen|inc|jr|ltd|mrs?|ms|nos?|nr|op|pp|"""
    r"prof|rev|sec|sr|st|usw|vgl|vol|vs)\.$",
    re.IGNORECASE,
)
_NUMBERING = re.compile(r"[(\[]?\d{1,3}\.$")  # of an item of a list
# The mark comes first, because a search for one of some characters is ten times as fast as one for a place between them. The
# semicolon of Greek asks. A mark without a blank behind it ends a sentence where the script has no blanks.
_BREAK = re.compile(
    rf"[.!?…;\n{_STOPS}{_OTHER_STOPS}{_UNSPACED_STOPS}](?:"
    rf"(?<=[.!?…{_OTHER_STOPS}])[\"'”’)\]]?(?=\s)|(?<=[Ͱ-Ͽἀ-῿];)(?=\s)"
    rf"|(?<=[{_STOPS}{_UNSPACED_STOPS}])(?![{WIDE_CLOSERS}\s])|(?<=[{_STOPS}])(?:[{WIDE_CLOSERS}]|(?=\s))"
    r"|(?<=\n)(?=[ \t]*\n))"
)
# Text out of a PDF or a table often has no blank where a sentence, a bullet or a row ends.
_LOOSE_BREAK = re.compile(r"(?<=[a-z)”][.!?:;])(?=[A-Z“])|(?<=;)(?=\s)|(?=[•●▪◦‣–—]\s*\w)|(?=\n)")
_LONG = 60  # words; hardly any sentence that somebody wrote has more
_FEW = 10  # words, from which a blank ends a piece of such a script
_NO_STOPS = re.compile(r"[\u0e01-\u0eff]")  # Thai and Lao end a sentence, or a part of one, with a blank


def sentences_of(text: str) -> list[str]:
    """Split text at ends of sentences and at blank lines; joined, the pieces are the text again.

    What is then longer than 60 words was no sentence: it is split at bullets, line ends and semicolons, Thai and Lao at blanks,
    and what is still longer every 30 words.
    """
    has_blanks = not has_words_without_blanks(text)
    pieces: list[str] = []
    for piece in _parted(text):
        for part in filter(None, _LOOSE_BREAK.split(piece)) if _is_long(piece, has_blanks) else [piece]:
            is_cut = _is_long(part, has_blanks) or (not has_blanks and _NO_STOPS.search(part))
            pieces += _cut(part) if is_cut else [part]
    return pieces


def _parted(text: str) -> list[str]:
    """Split text behind marks, and before blank lines."""
    places = [match.start() if match[0] == "\n" else match.end() for match in _BREAK.finditer(text)]
    return [text[start:end] for start, end in pairwise([0, *places, len(text)]) if end > start]


def _is_long(text: str, has_blanks: bool) -> bool:
    return len(text.split() if has_blanks else token_spans(text)) > _LONG


def _cut(text: str) -> list[str]:
    """Cut text every 30 words; Thai and Lao at a blank once there are ten."""
    words = token_spans(text)
    starts, count = [0], 0
    for (_, end), (start, _) in pairwise(words):
        count += 1
        if count >= _LONG // 2 or (count >= _FEW and start > end and _NO_STOPS.match(text[end - 1])):
            starts.append(start)
            count = 0
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def ends_sentence(word: str, *, starts_line: bool) -> bool:
    """Return whether a sentence may end behind a word: a lower-case word that follows says that it goes on.

    Examples:
        >>> [word for word in ["3.5", "Dr.", "bowl.”", "etc!"] if ends_sentence(word, starts_line=False)]
        ['bowl.”', 'etc!']
    """
    if not _is_ended(word) or _ABBREVIATION.match(word):
        return False
    return not (starts_line and _NUMBERING.match(word))


def _is_ended(word: str) -> bool:
    """Return whether a word has a mark at its end that is more than a row of dots."""
    bare = word.rstrip(_CLOSERS)
    if bare.endswith(_MARKS) and ((bare in _MARKS and bare != "…") or _HAS_LETTER.search(bare[:-1])):
        return True
    return word.rstrip(f"{WIDE_CLOSERS}\"'»)]").endswith(_ALL_STOPS)


def ends_clause(word: str) -> bool:
    """Return whether a clause ends behind a word."""
    return word.rstrip(_CLOSERS).endswith(_CLAUSE_MARKS) or word.rstrip(WIDE_CLOSERS).endswith(_WIDE_CLAUSE_MARKS)


def remove_closest_sentence(text: str, query: str, *, keep: float) -> str:
    """Drop the sentence that shares most with the query, by the letters of shared terms: function words have few.

    A query that was cut out of a passage matches it literally, which no person's query does. Without that sentence
    the passage must be found by its topic (the inverse cloze task of Lee et al. 2019, https://arxiv.org/abs/1906.00300).
    Training does this to a share of its pairs, dev retrieval to all. A text of which less than ``keep``, a share of its
    characters, would remain is returned whole.
    """
    sentences = sentences_of(text)
    terms = set(lexical_terms(query))
    if len(sentences) < 2:
        return text
    shared = [sum(map(len, terms.intersection(lexical_terms(sentence)))) for sentence in sentences]
    closest = shared.index(max(shared))
    rest = "".join(sentences[:closest] + sentences[closest + 1 :])
    return rest if rest.strip() and len(rest) >= keep * len(text) else text
