"""Cut documents into passages that the embedder's window holds completely.

Where to cut is found by our own packer and not by LlamaIndex's SentenceSplitter, which was used before: that one asks for the
tokens of a section, then of each paragraph, then of each sentence, one text a call, and cuts a long sentence behind every
full stop and comma, those inside "3.5" and "os.path" included.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from embedtune.documents.blocks import in_blocks
from embedtune.documents.segmentation import TokenCounts, WordFinder, find_break, pack
from embedtune.text.hashing import content_id
from embedtune.types import PATH_SEPARATOR, Document, Passage, Section

_TITLE_SHARE = 0.25  # of the budget at most; a longer heading path loses its outer headings
_MAX_CHARS = 1_000_000
_SLACK = 1.1  # pieces of a section are cut to equal length, give or take a sentence
_BLOCK = 512  # passages that are tokenized at once
_BLOCK_CHARS = 1_000_000  # of them in all; tokens take many times the memory of text
_TITLES = 4096
_SPACE = re.compile(r"\s+")


class Counted(NamedTuple):
    """A passage, and the tokens of its title and text."""

    passage: Passage
    tokens: int


def chunk_documents(documents: Iterable[Document], token_counts: TokenCounts, budget: int) -> Iterator[Counted]:
    """Cut documents into their sections, then at sentences, into passages of at most ``budget`` tokens, heading path included.

    A word is cut through only if it is longer than that by itself.

    Args:
        documents: What to cut.
        token_counts: By the embedder's tokenizer.
        budget: The embedder's window less its special tokens and its document prompt, in tokens.

    Yields:
        Passages in document order; ``document.text[start:end]`` is each one's text.
    """
    cutter = _Cutter(token_counts, budget)
    pieces = (piece for document in documents for piece in cutter.cut(document))
    for block in in_blocks(pieces, _Piece.n_chars, max_items=_BLOCK, max_chars=_BLOCK_CHARS):
        for piece, tokens in _fitting(block, token_counts, budget):
            yield Counted(piece.passage(), tokens)


def keep_whole(documents: Iterable[Document]) -> Iterator[Passage]:
    """Make one passage of each document of a ready-made corpus."""
    for name, title, text, *_ in documents:
        yield Passage(content_id("p", name, title, text), name, title, text, 0, len(text))


def count_tokens(passages: Iterable[Passage], token_counts: TokenCounts) -> Iterator[Counted]:
    """Count the tokens of passages as they come."""
    for block in in_blocks(passages, _n_chars, max_items=_BLOCK, max_chars=_BLOCK_CHARS):
        yield from map(Counted, block, token_counts([passage.full_text for passage in block]))


def _n_chars(passage: Passage) -> int:
    return len(passage.text)


class _Piece(NamedTuple):
    """A passage to be."""

    document: Document
    title: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    def n_chars(self) -> int:
        return len(self.title) + self.end - self.start

    def full_text(self) -> str:
        return f"{self.title}\n{self.text}" if self.title else self.text

    def passage(self) -> Passage:
        document, text = self.document, self.text
        first, last = document.offset + self.start, document.offset + self.end
        identity = content_id("p", document.document_id, self.title, text, str(first))
        page = bisect_right(document.pages, self.start) or None
        return Passage(identity, document.document_id, self.title, text, first, last, page)

    def halves(self) -> tuple[_Piece, _Piece]:
        """Cut at the white space that is nearest to the middle, or in the middle of a single word."""
        middle = (self.start + self.end) // 2
        spaces = [match.span() for match in _SPACE.finditer(self.document.text, self.start, self.end)]
        left, right = min(spaces, key=lambda span: abs(span[0] - middle), default=(middle, middle))
        return self._replace(end=left), self._replace(start=right)


def _fitting(pieces: Sequence[_Piece], token_counts: TokenCounts, budget: int) -> Iterator[tuple[_Piece, int]]:
    """Yield the pieces with their tokens; one that does not fit is halved.

    That is a word longer than the budget; or, where a tokenizer joins what stands on both sides of a blank, its words
    together may have a token more than each by itself.
    """
    for piece, tokens in zip(pieces, token_counts([piece.full_text() for piece in pieces]), strict=True):
        if tokens <= budget or piece.end - piece.start < 2:
            yield piece, tokens
        else:
            yield from _fitting(piece.halves(), token_counts, budget)


class _Cutter:
    """Cuts one document after the other."""

    def __init__(self, token_counts: TokenCounts, budget: int) -> None:
        self._words = WordFinder(token_counts)
        self._count = lru_cache(_TITLES)(lambda text: token_counts([text])[0])
        self._budget = budget

    def cut(self, document: Document) -> Iterator[_Piece]:
        """Yield the pieces of a document; they fit as far as the words tell."""
        for section in document.sections or (Section((), 0, len(document.text)),):
            title = fit_title(_heading_path(document.title, section), self._count, int(self._budget * _TITLE_SHARE))
            room = self._budget - (self._count(title + "\n") if title else 0)
            for start, end in _stretches(document.text, section.start, section.end):
                for first, last in self._pack(document.text[start:end], room):
                    yield _Piece(document, title, start + first, start + last)

    def _pack(self, text: str, room: int) -> Iterator[tuple[int, int]]:
        """Yield the offsets of pieces of about equal length; overlap is not needed where nothing is cut off."""
        words = self._words.find(text)
        tokens = int(words.tokens.sum())
        pieces = math.ceil(tokens / room)
        size = min(room, math.ceil(tokens / pieces * _SLACK)) if pieces > 1 else room
        for first, last in pack(words, size, room):
            start, end = int(words.ends[first - 1]) if first else 0, int(words.ends[last - 1])
            blank = _SPACE.match(text, start, end)
            yield blank.end() if blank else start, end


def _stretches(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Part a section of more than a million characters at blank lines: its words take many times the memory of its text."""
    while end - start > _MAX_CHARS:
        middle = find_break(text, start, start + _MAX_CHARS)
        yield start, middle
        start = middle
    yield start, end


def _heading_path(title: str, section: Section) -> tuple[str, ...]:
    """Return the path with the document's title in front, unless its outermost heading says the same."""
    return section.headings if not title or section.headings[:1] == (title,) else (title, *section.headings)


def fit_title(headings: tuple[str, ...], count: Callable[[str], int], room: int) -> str:
    """Join a heading path; outer headings are dropped, and at last the text is cut, until it takes at most ``room`` tokens."""
    while len(headings) > 1 and count(PATH_SEPARATOR.join(headings)) > room:
        headings = headings[1:]
    title = PATH_SEPARATOR.join(headings)
    while title and count(title) > room:
        title = title[: int(len(title) * 0.8)].rstrip()
    return title
