"""Windows: passages cut to what a model can see, their vectors on demand, and the best window of each passage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from embedtune.models.encoder import Encoder
from embedtune.types import Passage, QuerySet

Item = TypeVar("Item")


def corpus_windows(passages: Sequence[Passage], encoder: Encoder, tokens: int, overlap: float) -> Windows:
    """Return the windows of a corpus as every stage encodes them."""
    size = min(tokens, encoder.window)
    return split_windows(passages, encoder.token_offsets, size, max(1, int(size * (1 - overlap))))


class OnDemand(Sequence[Item]):
    """A list whose items are computed on first access: of a large corpus only some passages are needed."""

    def __init__(self, length: int, make: Callable[[int], Item]) -> None:
        self._length = length
        self._make = cache(make)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self._make(number) for number in range(self._length)[index]]
        return self._make(range(self._length)[index])


def windows_of(passages: Sequence[Passage], encoder: Encoder, tokens: int, overlap: float) -> Sequence[list[str]]:
    """Return the windows of each passage, computed on first access; see ``corpus_windows``."""
    return OnDemand(len(passages), lambda number: corpus_windows([passages[number]], encoder, tokens, overlap).texts)


def relevant_passages(labelled: QuerySet, passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Return for each query the indices of its relevant passages."""
    column = {passage.passage_id: number for number, passage in enumerate(passages)}
    return {
        query_id: [column[passage_id] for passage_id, grade in judged.items() if grade > 0]
        for query_id, judged in labelled.qrels.items()
    }


TokenOffsets = Callable[[str], list[tuple[int, int]]]
"""First and last+1 character of each token of a text, without special tokens."""

_SNAP_TOKENS = 8


@dataclass(frozen=True)
class Windows:
    """All windows of a corpus, passage by passage."""

    texts: list[str]  # what is encoded; every window begins with the title
    starts: NDArray[np.int64]  # index of each passage's first window, (n_passages,), rising

    def best(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return each passage's best window score: ``(n, n_windows)`` → ``(n, n_passages)``."""
        return best_of_groups(scores, self.starts)

    def of_passage(self, number: int) -> list[str]:
        """Return the windows of one passage."""
        last = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.texts)
        return self.texts[self.starts[number] : last]

    def by_passage(self) -> list[list[str]]:
        """Return the windows of each passage."""
        return [self.texts[start:end] for start, end in pairwise([*self.starts.tolist(), len(self.texts)])]


def best_of_groups(scores: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the best of each group of neighbouring columns, by the groups' first: ``(n, n_columns)`` → ``(n, n_groups)``."""
    best: NDArray[np.float32] = np.maximum.reduceat(scores, starts, axis=1)
    return best


def split_windows(passages: Sequence[Passage], offsets: TokenOffsets, size: int, stride: int) -> Windows:
    """Cut passages that are longer than ``size`` tokens, title included, into overlapping windows; shorter ones stay whole.

    A window starts ``stride`` tokens after the one before; at most ``size``, so that no token is lost.
    """
    texts: list[str] = []
    starts = []
    for passage in passages:
        starts.append(len(texts))
        texts += passage_windows(passage, offsets, size, stride)
    return Windows(texts, np.array(starts, dtype=np.int64))


def passage_windows(passage: Passage, offsets: TokenOffsets, size: int, stride: int) -> list[str]:
    """Return the windows of one passage; a title of more than half a window is cut."""
    spans = offsets(passage.text)
    if not spans or len(offsets(passage.full_text)) <= size:
        return [_cut(passage.full_text, offsets, size)]
    head = f"{_cut(passage.title, offsets, size // 2)}\n" if passage.title else ""
    room = size - len(offsets(head))
    texts = []
    first = 0
    while True:
        last = min(first + room, len(spans))
        texts.append(head + passage.text[spans[first][0] : spans[last - 1][1]])
        if last == len(spans):
            return texts
        first = max(first + 1, _word_start(passage.text, spans, first + min(stride, room)))


def _cut(text: str, offsets: TokenOffsets, size: int) -> str:
    spans = offsets(text)
    return text if len(spans) <= size else text[: spans[size - 1][1]]


def _word_start(text: str, spans: list[tuple[int, int]], token: int) -> int:
    """Step back to the token that starts a word, if it is near; half words have vectors of their own."""
    for back in range(min(_SNAP_TOKENS, token)):
        start = spans[token - back][0]
        if start == 0 or not (text[start - 1].isalnum() and text[start].isalnum()):
            return token - back
    return token
