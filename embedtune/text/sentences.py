"""Taking a query's source out of a passage (the inverse cloze task of Lee et al. 2019).

Text that was cut out of a passage finds it by its very words, which no person's query does. With its source gone the
passage must be found by what it is about. Training does this to a share of its pairs, dev retrieval to all.
"""

from __future__ import annotations

import re

from embedtune.text.analyzer import lexical_terms

_BREAK = re.compile(r"(?<=[.!?…])(?=\s)|(?<=[.!?…][\"'”’)\]])(?=\s)|(?<=[。！？])|(?=\n[ \t]*\n)")
# Text out of a PDF or a table often has no blank where a sentence, a bullet or a row ends.
_LOOSE_BREAK = re.compile(r"(?<=[a-z)”][.!?:;])(?=[A-Z“])|(?<=;)(?=\s)|(?=[•●▪◦‣–—]\s*\w)|(?=\n)")
_LONG = 60  # words; hardly any sentence that somebody wrote has more
_CUT = re.compile(rf"(?:\s*\S+){{1,{_LONG // 2}}}\s*")


def sentences_of(text: str) -> list[str]:
    """Split text at ends of sentences and at blank lines; joined, the pieces are the text again.

    What is then longer than 60 words was no sentence: it is split at bullets, line ends and semicolons, and what is still
    longer every 30 words.
    """
    pieces = []
    for piece in filter(None, _BREAK.split(text)):
        for part in filter(None, _LOOSE_BREAK.split(piece)) if _is_long(piece) else [piece]:
            pieces += _CUT.findall(part) if _is_long(part) else [part]
    return pieces


def _is_long(text: str) -> bool:
    return len(text.split()) > _LONG


def remove_closest_sentence(text: str, query: str, *, keep: float) -> str:
    """Leave out the sentence that shares most with the query, by the letters of shared terms: function words have few.

    Args:
        text: A passage or window.
        query: The query that was drawn from it.
        keep: Share of the characters, 0 to 1, that must stay; else the text comes back whole.
    """
    sentences = sentences_of(text)
    terms = set(lexical_terms(query))
    if len(sentences) < 2:
        return text
    shared = [sum(map(len, terms.intersection(lexical_terms(sentence)))) for sentence in sentences]
    closest = shared.index(max(shared))
    rest = "".join(sentences[:closest] + sentences[closest + 1 :])
    return rest if rest.strip() and len(rest) >= keep * len(text) else text
