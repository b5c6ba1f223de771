"""Find texts in documents, whatever their case, white space and punctuation, in one pass over the documents."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import regex

from embedtune.types import Document, Place

# Scripts without spaces are searched character by character.
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_TOKEN = regex.compile(rf"(?V1){_UNSPACED}|[[\p{{L}}\p{{M}}\p{{N}}_]--{_UNSPACED}]+")
_LEAST = 4
"""Words of a text that is searched within documents; of a shorter one, which may stand anywhere, a whole document is made."""


def find_texts(texts: Collection[str], documents: Iterable[Document]) -> dict[str, list[Place]]:
    """Return where each text stands in the documents; those that stand in none are not in the result.

    A text of fewer than four words must be a whole document. What is found may begin in the title of a document.
    """
    by_start: dict[tuple[str, ...], list[tuple[tuple[str, ...], str]]] = {}
    for text in texts:
        words = tuple(token.casefold() for token in _TOKEN.findall(text))
        if words:
            by_start.setdefault(words[:_LEAST], []).append((words, text))
    found: dict[str, list[Place]] = {}
    for document in documents:
        whole = f"{document.title}\n{document.text}" if document.title else document.text
        shift = document.offset - (len(whole) - len(document.text))
        matches = list(_TOKEN.finditer(whole))
        words = tuple(match.group().casefold() for match in matches)
        if len(words) < _LEAST:
            starts = [(0, words)] if words else []
        else:
            starts = list(enumerate(zip(words, words[1:], words[2:], words[3:], strict=False)))
        for first, start in starts:
            for wanted, text in by_start.get(start, ()):
                last = first + len(wanted)
                if words[first:last] == wanted:
                    begin, end = matches[first].start() + shift, matches[last - 1].end() + shift
                    place = Place(document.document_id, max(document.offset, begin), max(document.offset + 1, end))
                    found.setdefault(text, []).append(place)
    return found
