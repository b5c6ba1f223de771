"""What all stages must see alike: windows, judgements as indices, and passages that say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import TypeVar, overload

from embedtune.documents.near_duplicates import group_near_duplicates
from embedtune.models.encoder import Encoder
from embedtune.retrieval.windows import Windows, split_windows
from embedtune.types import Document, Passage, QuerySet

Item = TypeVar("Item")

SAME_PASSAGE = 0.9
"""Share of the smaller passage's shingles that must stand in the other one."""


def corpus_windows(passages: Sequence[Passage], encoder: Encoder, tokens: int, overlap: float) -> Windows:
    """Return the windows that every later stage encodes."""
    size = min(tokens, encoder.window)
    return split_windows(passages, encoder.token_offsets, size, max(1, int(size * (1 - overlap))))


class OnDemand(Sequence[Item]):
    """A list whose items are made when they are asked for: of a large corpus only some passages are looked at."""

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
    """Return the windows of each passage, cut when they are asked for; see ``corpus_windows``."""
    return OnDemand(len(passages), lambda number: corpus_windows([passages[number]], encoder, tokens, overlap).texts)


def same_passages(passages: Sequence[Passage]) -> dict[str, int]:
    """Number the groups of passages that say the same; they share their judgements."""
    groups = group_near_duplicates(as_documents(passages), containment=SAME_PASSAGE)
    return {passage_id: number for number, group in enumerate(groups) for passage_id in group}


def as_documents(passages: Iterable[Passage]) -> Iterator[Document]:
    """Yield each passage as a document of its own, to compare passages by."""
    return (Document(passage.passage_id, "", passage.text) for passage in passages)


def relevant_passages(labelled: QuerySet, passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Return for each query the indices of its relevant passages."""
    column = {passage.passage_id: number for number, passage in enumerate(passages)}
    return {
        query_id: [column[passage_id] for passage_id, grade in judged.items() if grade > 0]
        for query_id, judged in labelled.qrels.items()
    }
