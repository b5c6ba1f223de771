"""Cut documents into passages that fit into the embedder's window.

Our own packer does it, not LlamaIndex's SentenceSplitter, which asks for the tokens of one text at a time and cuts a long
sentence behind every full stop and comma, those inside "3.5" and "os.path" included.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from embedtune.documents.buffer import in_blocks
from embedtune.documents.headings import find_sections
from embedtune.documents.segmentation import TokenCounts, WordFinder, find_break, pack
from embedtune.errors import ConfigError
from embedtune.text.hashing import content_id
from embedtune.types import PATH_SEPARATOR, Document, Passage, Section

_TITLE_SHARE = 0.25  # of the budget at most; a longer heading path loses its outer headings
_MAX_CHARS = 1_000_000
_SLACK = 1.1  # chunks of a section are of equal length, give or take a sentence
_BLOCK = 512  # passages that are tokenized at once
_BLOCK_CHARS = 1_000_000  # of them in all; tokens take many times the memory of text
_TITLES = 4096
_MIN_TOKENS = 8
_SPACE = re.compile(r"\s+")


class CountedPassage(NamedTuple):
    """A passage, and the tokens of its title and text."""

    passage: Passage
    n_tokens: int


def chunk(
    texts: str | Iterable[str | Document] | Mapping[str, str], model_or_tokenizer: Any, window_tokens: int
) -> list[Passage]:
    r"""Cut texts into passages of at most ``window_tokens`` tokens, heading path included.

    A text is cut at its headings (Markdown, reStructuredText or underlined lines), a longer section into pieces of about equal
    length at ends of paragraphs, sentences, lines, clauses or words, in this order of preference. There is no overlap:
    no sentence is cut that an overlap would have to repair. The heading path is the passage's title and takes a quarter of
    the tokens at most.

    Args:
        texts: One text, several, texts by document id, or documents; without ids documents are called ``"0"``, ``"1"``, ….
        model_or_tokenizer: Counts the tokens: a ``SentenceTransformer``, whose own window is a bound too; a tokenizer of
            transformers or tokenizers; or a function from a list of texts to their numbers of tokens.
        window_tokens: Tokens of a passage at most, special tokens not counted; 8 or more.

    Returns:
        Passages in document order; their text is ``text[start:end]`` of the document, without white space at its ends.

    Raises:
        ConfigError: If there is no tokenizer, or the window is smaller than 8 tokens.

    Examples:
        >>> text = "# Tank\nFill the tank with cold water. Close the lid until it clicks.\n# Lamp\nBlinking means descale."
        >>> for passage in chunk(text, lambda texts: [len(text.split()) for text in texts], 8):
        ...     print(passage.start, passage.full_text.split("\n"))
        7 ['Tank', 'Fill the tank with cold water.']
        38 ['Tank', 'Close the lid until it clicks.']
        76 ['Lamp', 'Blinking means descale.']
    """
    token_counts, window = _token_counter(model_or_tokenizer)
    budget = window_tokens if window is None else min(window_tokens, window)
    if budget < _MIN_TOKENS:
        raise ConfigError(f"window_tokens: expected {_MIN_TOKENS} or more, found {budget}")
    if isinstance(texts, str):
        texts = [texts]
    named = texts.items() if isinstance(texts, Mapping) else ((str(number), text) for number, text in enumerate(texts))
    documents = (
        text if isinstance(text, Document) else Document(name, "", text, tuple(find_sections(text)))
        for name, text in named
    )
    return [passage for passage, _ in chunk_documents(documents, token_counts, budget)]


def chunk_documents(documents: Iterable[Document], token_counts: TokenCounts, budget: int) -> Iterator[CountedPassage]:
    """Cut documents into their sections, then at sentences, into passages of at most ``budget`` tokens, heading path included.

    The budget is the embedder's window less its special tokens and its document prompt. A word is cut through only if it is
    longer by itself. Passages come in document order; their text is ``document.text[start:end]``.
    """
    chunker = _Chunker(token_counts, budget)
    chunks = (chunk for document in documents for chunk in chunker.chunks(document))
    for block in in_blocks(chunks, _Chunk.n_chars, max_items=_BLOCK, max_chars=_BLOCK_CHARS):
        for fitting, n_tokens in _halve_until_fitting(block, token_counts, budget):
            yield CountedPassage(fitting.passage(), n_tokens)


def keep_whole(documents: Iterable[Document]) -> Iterator[Passage]:
    """Make one passage of each document of a ready-made corpus."""
    for name, title, text, *_ in documents:
        yield Passage(content_id("p", name, title, text), name, title, text, 0, len(text))


def count_tokens(passages: Iterable[Passage], token_counts: TokenCounts) -> Iterator[CountedPassage]:
    """Yield passages with their numbers of tokens."""
    for block in in_blocks(passages, lambda passage: len(passage.text), max_items=_BLOCK, max_chars=_BLOCK_CHARS):
        yield from map(CountedPassage, block, token_counts([passage.full_text for passage in block]))


def fit_title(headings: tuple[str, ...], count: Callable[[str], int], room: int) -> str:
    """Join a heading path; outer headings are dropped, and at last the text is cut, until it takes at most ``room`` tokens."""
    while len(headings) > 1 and count(PATH_SEPARATOR.join(headings)) > room:
        headings = headings[1:]
    title = PATH_SEPARATOR.join(headings)
    while title and count(title) > room:
        title = title[: int(len(title) * 0.8)].rstrip()
    return title


class _Chunk(NamedTuple):
    """A part of a document that becomes a passage."""

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
        start, end = document.offset + self.start, document.offset + self.end
        passage_id = content_id("p", document.document_id, self.title, text, str(start))
        page = bisect_right(document.pages, self.start) or None
        return Passage(passage_id, document.document_id, self.title, text, start, end, page)

    def halves(self) -> tuple[_Chunk, _Chunk]:
        """Cut at the white space that is nearest to the middle, or in the middle of a single word."""
        middle = (self.start + self.end) // 2
        spaces = [match.span() for match in _SPACE.finditer(self.document.text, self.start, self.end)]
        left, right = min(spaces, key=lambda span: abs(span[0] - middle), default=(middle, middle))
        return self._replace(end=left), self._replace(start=right)


class _Chunker:
    """Cuts documents; repeated words and headings are tokenized once."""

    def __init__(self, token_counts: TokenCounts, budget: int) -> None:
        self._words = WordFinder(token_counts)
        self._count = lru_cache(_TITLES)(lambda text: token_counts([text])[0])
        self._budget = budget

    def chunks(self, document: Document) -> Iterator[_Chunk]:
        """Yield the chunks of a document; they fit by the sum of their words' tokens."""
        for section in document.sections or (Section((), 0, len(document.text)),):
            path = section.headings
            if document.title and path[:1] != (document.title,):  # unless the outermost heading says the same
                path = (document.title, *path)
            title = fit_title(path, self._count, int(self._budget * _TITLE_SHARE))
            room = self._budget - (self._count(title + "\n") if title else 0)
            for start, end in _bounded_stretches(document.text, section.start, section.end):
                for first, last in self._spans(document.text[start:end], room):
                    yield _Chunk(document, title, start + first, start + last)

    def _spans(self, text: str, room: int) -> Iterator[tuple[int, int]]:
        """Yield the offsets of pieces of about equal length."""
        words = self._words.find(text)
        n_tokens = int(words.tokens.sum())
        n_pieces = math.ceil(n_tokens / room)
        size = min(room, math.ceil(n_tokens / n_pieces * _SLACK)) if n_pieces > 1 else room
        for first, last in pack(words, size, room):
            start, end = int(words.ends[first - 1]) if first else 0, int(words.ends[last - 1])
            blank = _SPACE.match(text, start, end)
            yield blank.end() if blank else start, end


def _halve_until_fitting(
    chunks: Sequence[_Chunk], token_counts: TokenCounts, budget: int
) -> Iterator[tuple[_Chunk, int]]:
    """Yield the chunks with their tokens; one that does not fit is halved.

    That is a word longer than the budget; or, where a tokenizer joins text across white space, words together may
    have more tokens than by themselves.
    """
    for chunk, n_tokens in zip(chunks, token_counts([chunk.full_text() for chunk in chunks]), strict=True):
        if n_tokens <= budget or chunk.end - chunk.start < 2:
            yield chunk, n_tokens
        else:
            yield from _halve_until_fitting(chunk.halves(), token_counts, budget)


def _bounded_stretches(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a section of more than a million characters at blank lines: its words take many times the memory of its text."""
    while end - start > _MAX_CHARS:
        middle = find_break(text, start, start + _MAX_CHARS)
        yield start, middle
        start = middle
    yield start, end


def _token_counter(source: Any) -> tuple[TokenCounts, int | None]:
    """Return a counter of tokens for a model or tokenizer, and the model's window less its special tokens, if it has one."""
    tokenizer = getattr(source, "tokenizer", source)
    longest = getattr(source, "max_seq_length", None)
    if hasattr(tokenizer, "encode_batch_fast"):  # of tokenizers; a static model's too
        backend = type(tokenizer).from_str(tokenizer.to_str())  # a copy, whose settings are ours
        backend.no_truncation()
        backend.no_padding()
        return lambda texts: [
            len(encoding) for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ], longest
    if hasattr(tokenizer, "num_special_tokens_to_add"):  # of transformers
        window = longest - tokenizer.num_special_tokens_to_add() if longest else None

        def count(texts: Sequence[str]) -> list[int]:
            encoded = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False) if texts else {}
            return list(map(len, encoded.get("input_ids", ())))

        return count, window
    if callable(tokenizer):
        return tokenizer, longest
    raise ConfigError(f"model_or_tokenizer: expected a model, a tokenizer or a function, found {type(source).__name__}")
