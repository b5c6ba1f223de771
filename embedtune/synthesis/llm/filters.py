"""Filters of LLM-generated queries; each counts the queries that it drops.

A document may try to control the model. The filters hold even if it succeeds: a query that is copied from its passage, that has
addresses or markup, or that does not retrieve its passage is dropped whatever the prompt was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from embedtune.synthesis.extractive import is_language
from embedtune.synthesis.filters import MAX_CHARS
from embedtune.synthesis.llm.injection import speaks_to_model, visible
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.analyzer import lexical_terms
from embedtune.text.dedup import DuplicateIndex
from embedtune.text.language import same_language
from embedtune.types import Passage

FILTERS = (
    "not_language", "loop", "markup", "instructions", "self_reference", "other_language", "copied", "fits_anywhere",
    "duplicate", "near_duplicate", "round_trip", "judge", "document_cap",
)  # fmt: skip

_MIN_TERMS = 2
_LOOP_TERMS, _DIFFERENT = 6, 0.6
_MARKUP = re.compile(
    r"https?:|www\.|\S@[^\s@]*\.\w|</?\w[^<>]*+>|```|\{\{|\}\}|\{\s*\"|\[[^\[\]]*+\]\(|<\||\w\.(?:com|net|org|io|example|test)\b"
    r"|\b(?=\d{0,11}[a-f])(?=[a-f]{0,11}\d)[0-9a-f]{12}(?![0-9a-f])"  # the delimiter of a prompt
)
_THING = (
    r"(?:passages?|documents?|texts?|articles?|excerpts?|paragraphs?|snippets?|sections?|tables?|authors?|chapters?|figures?|"
    r"reports?|contexts?|statements?|sentences?)"
)
_WHICH = r"(?:(?:two|above|given|following|provided|same|first|second) ){0,2}"
_SAYS = r"(?= (?:above|below|says?|mentions?|(?:describe|state|discuss|refer|explain|provide|list|give)\w*)|[?.,!]|$)"
_SELF = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:the|this|that|these|both|given|provided|following|above) {_WHICH}{_THING}\b{_SAYS}",
        rf"\b(?:according to|based on|(?:mentioned|described|stated|discussed|listed|shown|given|outlined|provided) in|in|"
        rf"from) (?:the|this|these|both) {_WHICH}{_THING}\b",
        rf"\b(?:this|given|provided|above) {_THING}\b",
        r"\b(?:der|den|dem|diese[rnms]?|im|laut|beiden) "
        r"(?:text\w*|absatz|absätze\w*|abschnitt\w*|passage|dokument\w*|autor\w*|artikel)\b",
        r"\b(?:le|la|ce|cette|du) (?:texte|passage|document|paragraphe|auteur|extrait)\b",
        r"\b(?:el|este|esta|del) (?:texto|pasaje|documento|párrafo|autor|fragmento)\b",
        r"(?:文中|本文|这段|该文|文章中|この文章|上記の文)",
    )
)


class LlmDraft(NamedTuple):
    """An LLM-generated query."""

    text: str  # the query
    kind: str  # one of LLM_KINDS
    passages: tuple[Passage, ...]  # its sources: one passage, or two
    call: str  # key of its call


class Filtered(NamedTuple):
    """The kept drafts, and the number that each filter dropped."""

    kept: list[LlmDraft]
    dropped: dict[str, int]


def drop_injections(passages: Sequence[Passage]) -> tuple[list[Passage], int]:
    """Drop passages that give orders to a language model; return the others and the number of dropped ones."""
    kept = [passage for passage in passages if not speaks_to_model(passage.full_text)]
    return kept, len(passages) - len(kept)


class WordFilter:
    """Finds what is wrong with drafts by their words alone, in the order of ``FILTERS``; of duplicates the first is good."""

    def __init__(self, statistics: CorpusStatistics, *, max_copied: int) -> None:
        """Take the words of the documents, and the number of words in a row that a query may share with its passage."""
        self._statistics = statistics
        self._max_copied = max_copied
        self._earlier = DuplicateIndex()

    def fault_of(self, draft: LlmDraft) -> str | None:
        """Return the filter that drops a draft, or None; it is remembered for the duplicates among later ones."""
        fault = _fault(draft, self._statistics, self._max_copied)
        if fault is None and (match := self._earlier.check_and_add(draft.text)):
            return "duplicate" if match.similarity == 1 else "near_duplicate"
        return fault


def filter_by_words(drafts: Sequence[LlmDraft], statistics: CorpusStatistics, *, max_copied: int) -> Filtered:
    """Drop drafts by their words alone; see ``WordFilter``."""
    word_filter, dropped = WordFilter(statistics, max_copied=max_copied), dict.fromkeys(FILTERS, 0)
    kept: list[LlmDraft] = []
    for draft in drafts:
        if fault := word_filter.fault_of(draft):
            dropped[fault] += 1
        else:
            kept.append(draft)
    return Filtered(kept, dropped)


def cap_documents(drafts: Sequence[LlmDraft], most: int | None) -> Filtered:
    """Keep the first ``most`` queries of each document; None keeps all."""
    counts: dict[str, int] = {}
    kept = []
    for draft in drafts:
        document = draft.passages[0].document_id
        counts[document] = counts.get(document, 0) + 1
        if most is None or counts[document] <= most:
            kept.append(draft)
    return Filtered(kept, {"document_cap": len(drafts) - len(kept)})


def is_loop(terms: Sequence[str]) -> bool:
    """Return whether words go round in circles, as those of a small model do: of six or more not six in ten are different.

    Of 12,700 queries that people wrote, 3 are such.

    Examples:
        >>> is_loop("the flow of the flow of the flow".split()), is_loop("the flow of heat and the flow of air".split())
        (True, False)
    """
    return len(terms) >= _LOOP_TERMS and len(set(terms)) < _DIFFERENT * len(terms)


def longest_copied_run(query: str, passage: str) -> int:
    """Return the length in words of the longest run that a query shares with a passage.

    Examples:
        >>> longest_copied_run("why fill the tank with milk", "Fill the tank with cold tap water.")
        4
    """
    terms, text = lexical_terms(query), f" {' '.join(lexical_terms(passage))} "
    longest = 0
    for start in range(len(terms)):
        while start + longest < len(terms) and f" {' '.join(terms[start : start + longest + 1])} " in text:
            longest += 1
    return longest


def _fault(draft: LlmDraft, statistics: CorpusStatistics, max_copied: int) -> str | None:
    text = draft.text
    if len(text) > MAX_CHARS:
        return "not_language"
    terms = lexical_terms(text)
    checks = {
        "not_language": len(terms) < _MIN_TERMS or not is_language(text),
        "loop": is_loop(terms),
        "markup": bool(_MARKUP.search(text)) or len(visible(text)) < len(text.strip()) - 2,
        "instructions": speaks_to_model(text),
        "self_reference": any(pattern.search(text) for pattern in _SELF),
        "other_language": not all(same_language(text, passage.text) for passage in draft.passages),
        "copied": any(_is_copied(text, passage.full_text, max_copied) for passage in draft.passages),
        "fits_anywhere": statistics.is_generic(text),
    }
    return next((name for name, failed in checks.items() if failed), None)


def _is_copied(query: str, passage: str, most: int) -> bool:
    """Return whether a query is copied: too long a run, or all of it word for word."""
    run = longest_copied_run(query, visible(passage))
    return run > most or run == len(lexical_terms(query))
