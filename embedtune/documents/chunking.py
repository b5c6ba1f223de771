"""Cut documents into passages that the embedder's window holds completely."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from embedtune.documents.breaks import find_break
from embedtune.hashing import content_id
from embedtune.records import PATH_SEPARATOR, Document, Passage, Section

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

Tokenize = Callable[[str], list[int]]
"""The embedder's own tokenizer without its special tokens."""

_TITLE_SHARE = 0.25  # of the budget at most; a longer heading path loses its outer headings
_MAX_CHARS = 1_000_000
_SLACK = 1.1  # pieces of a section are cut to equal length, give or take a sentence


def chunk_documents(documents: Iterable[Document], tokenize: Tokenize, budget: int) -> Iterator[Passage]:
    """Cut documents into their sections, then at sentences, into passages of at most ``budget`` tokens, heading path included.

    Args:
        documents: What to cut.
        tokenize: The embedder's tokenizer.
        budget: The embedder's window less its special tokens and its document prompt, in tokens.

    Yields:
        Passages in document order; ``document.text[start:end]`` is each one's text.
    """
    remembering = lru_cache(maxsize=1)(tokenize)  # the splitter's first question is ours
    for document in documents:
        yield from _chunk(document, remembering, budget)


def keep_whole(documents: Iterable[Document]) -> Iterator[Passage]:
    """Make one passage of each document of a ready-made corpus."""
    for document in documents:
        yield Passage(
            content_id("p", document.document_id, document.title, document.text),
            document.document_id,
            document.title,
            document.text,
            0,
            len(document.text),
        )


def _chunk(document: Document, tokenize: Tokenize, budget: int) -> Iterator[Passage]:
    for section in document.sections or (Section((), 0, len(document.text)),):
        title = fit_title(_heading_path(document.title, section), tokenize, int(budget * _TITLE_SHARE))
        room = budget - len(tokenize(title + "\n") if title else [])
        for start, end in _split(document.text, section.start, section.end, tokenize, room):
            text = document.text[start:end]
            first, last = document.offset + start, document.offset + end
            identity = content_id("p", document.document_id, title, text, str(first))
            page = bisect_right(document.pages, start) or None
            yield Passage(identity, document.document_id, title, text, first, last, page)


def _heading_path(title: str, section: Section) -> tuple[str, ...]:
    """Return the path with the document's title in front, unless its outermost heading says the same."""
    return section.headings if not title or section.headings[:1] == (title,) else (title, *section.headings)


def fit_title(headings: tuple[str, ...], tokenize: Tokenize, room: int) -> str:
    """Join a heading path; outer headings are dropped, and at last the text is cut, until it takes at most ``room`` tokens."""
    while len(headings) > 1 and len(tokenize(PATH_SEPARATOR.join(headings))) > room:
        headings = headings[1:]
    title = PATH_SEPARATOR.join(headings)
    while title and len(tokenize(title)) > room:
        title = title[: int(len(title) * 0.8)].rstrip()
    return title


def _split(text: str, start: int, end: int, tokenize: Tokenize, room: int) -> Iterator[tuple[int, int]]:
    """Yield the offsets of pieces of about equal length; overlap is not needed where nothing is cut off.

    A section of more than a million characters is parted at a blank line first: its tokens would take many
    times the memory of its text.
    """
    while end - start > _MAX_CHARS:
        middle = find_break(text, start, start + _MAX_CHARS)
        yield from _split_evenly(text, start, middle, tokenize, room)
        start = middle
    yield from _split_evenly(text, start, end, tokenize, room)


def _split_evenly(text: str, start: int, end: int, tokenize: Tokenize, room: int) -> Iterator[tuple[int, int]]:
    body = text[start:end]
    tokens = len(tokenize(body))
    pieces = math.ceil(tokens / room)
    size = min(room, math.ceil(tokens / pieces * _SLACK)) if pieces > 1 else room
    cursor = start
    for chunk in _splitter(tokenize, size).split_text(body):
        chunk_start = text.index(chunk, cursor, end)
        cursor = chunk_start + len(chunk)
        yield chunk_start, cursor


@lru_cache(maxsize=256)
def _splitter(tokenize: Tokenize, size: int) -> SentenceSplitter:
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(tokenizer=tokenize, chunk_size=size, chunk_overlap=0, paragraph_separator="\n\n")
