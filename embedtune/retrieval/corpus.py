"""What all stages must see alike: windows, and judgements as indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar, overload

from embedtune.models.encoder import Encoder
from embedtune.retrieval.windows import Windows, split_windows
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
