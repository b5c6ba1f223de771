"""Which documents say the same: a split that parts them would test on what was trained on.

Counted exactly over an inverted index. MinHash LSH Ensemble (Zhu et al. 2016, in datasketch) was tried instead: it missed
three of the contained topics of the Python reference, and each miss is a leak.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from embedtune.fingerprints import fingerprint
from embedtune.records import Document

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_WORD = re.compile(r"\w+")
_SHINGLE_WORDS = 5
_MAX_DOCUMENTS = 50  # a shingle in more documents than this is boilerplate, and no evidence of copying
_BLOCK = 512  # documents that are held against all others at once


def group_near_duplicates(documents: Iterable[Document], *, containment: float = 0.5) -> list[list[str]]:
    """Group documents that share text.

    Two documents belong together when they are equal, or when at least ``containment`` of the smaller one's five-word
    shingles stand in the other (the containment of Broder 1997), boilerplate left aside.

    Returns:
        Groups of document ids; every document is in exactly one, in the order of the documents.
    """
    index = ShingleIndex(documents)
    groups = _Groups(len(index.names))
    for number, twin in index.equal:
        groups.join(number, twin)
    for start in range(0, len(index.names), _BLOCK):
        block = index.held[start : start + _BLOCK]
        for row, number in index.contained(block, index.sizes[start : start + _BLOCK], containment):
            groups.join(start + row, number)
    return [[index.names[number] for number in group] for group in groups.members()]


def add_copies(
    groups: list[list[str]], documents: Iterable[Document], others: Iterable[Document], *, containment: float
) -> list[list[str]]:
    """Add to groups of documents the others that belong to them; groups to which the same one belongs become one.

    Whether two belong together is told as in ``group_near_duplicates``; what is boilerplate is told by the documents alone. The
    others are seen once and not kept.
    """
    stream = iter(others)
    block = list(islice(stream, _BLOCK))
    if not block:
        return groups
    index = ShingleIndex(documents)
    number_of = {name: number for number, group in enumerate(groups) for name in group}
    joined = _Groups(len(groups))
    added: dict[str, int] = {}
    while block:
        for row, document in index.find(block, containment):
            number = number_of[index.names[document]]
            joined.join(number, added.setdefault(block[row].document_id, number))
        block = list(islice(stream, _BLOCK))
    merged = [[name for number in numbers for name in groups[number]] for numbers in joined.members()]
    place = {number: place for place, numbers in enumerate(joined.members()) for number in numbers}
    for name, number in added.items():
        merged[place[number]].append(name)
    return merged


class ShingleIndex:
    """The shingles of documents, in some twenty bytes each.

    Attributes:
        names: Ids of the documents.
        equal: Numbers of documents with the number of the first one whose text is the same.
        sizes: Number of each document's shingles, boilerplate left out.
        held: Document × shingle, 1 where it stands there; boilerplate left out.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        rows: dict[str, int] = {}
        self._first: dict[int, int] = {}
        self.equal: list[tuple[int, int]] = []
        numbers, shingles = array("i"), array("I")
        seen: set[int] = set()
        for document in documents:
            row = rows.setdefault(document.document_id, len(rows))
            twin = self._first.setdefault(fingerprint(document.text), row)
            if twin != row:
                self.equal.append((row, twin))
            found = _shingles(document.text)
            new = found - seen if document.offset else found  # the parts of a document are one
            seen = seen | new if document.offset else found
            shingles.extend(new)
            numbers.extend([row] * len(new))
        self.names = list(rows)
        self._fill(np.array(numbers, dtype=np.int32), np.array(shingles, dtype=np.uint32))

    def _fill(self, rows: NDArray[np.int32], shingles: NDArray[np.uint32]) -> None:
        self._known, columns, frequency = np.unique(shingles, return_inverse=True, return_counts=True)
        self._boilerplate = frequency > _MAX_DOCUMENTS
        telling = ~self._boilerplate[columns]
        self.held = self._matrix(rows[telling], columns[telling], len(self.names))
        self.sizes = np.diff(self.held.indptr)
        self._by_shingle = self.held.T.tocsr()

    def contained(
        self, held: csr_array, sizes: NDArray[np.integer[Any]], containment: float
    ) -> Iterator[tuple[int, int]]:
        """Yield row and number of each of our documents that shares enough with a row of document × shingle."""
        shared = (held @ self._by_shingle).tocoo()
        needed = containment * np.minimum(sizes[shared.row], self.sizes[shared.col])
        enough = shared.data >= needed
        yield from zip(shared.row[enough].tolist(), shared.col[enough].tolist(), strict=True)

    def find(self, others: Sequence[Document], containment: float) -> Iterator[tuple[int, int]]:
        """Yield row and number of each of our documents that says the same as one of a few others."""
        held = [_shingles(other.text) for other in others]
        rows = np.repeat(np.arange(len(held)), [len(found) for found in held])
        columns, known = self._columns(np.array([shingle for found in held for shingle in found], dtype=np.uint32))
        telling = known.copy()
        telling[known] = ~self._boilerplate[columns[known]]
        matrix = self._matrix(rows[telling], columns[telling], len(held))
        sizes = np.bincount(rows[telling | ~known], minlength=len(held))
        yield from self.contained(matrix, sizes, containment)
        for row, other in enumerate(others):
            if (twin := self._first.get(fingerprint(other.text))) is not None:
                yield row, twin

    def _columns(self, shingles: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each shingle's column, and whether it is its own: others stand where it would be."""
        if not len(self._known):
            return np.zeros(len(shingles), dtype=np.int64), np.zeros(len(shingles), dtype=bool)
        columns = np.minimum(np.searchsorted(self._known, shingles), len(self._known) - 1)
        return columns, self._known[columns] == shingles

    def _matrix(self, rows: NDArray[Any], columns: NDArray[Any], n_rows: int) -> csr_array:
        from scipy.sparse import csr_array

        ones = np.ones(len(rows), dtype=np.int32)
        return csr_array((ones, (rows, columns)), shape=(n_rows, len(self._known)))


class _Groups:
    """Numbers that are joined into groups (union-find)."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def join(self, number: int, other: int) -> None:
        """Put the groups of both together."""
        self._parent[self._root(number)] = self._root(other)

    def members(self) -> list[list[int]]:
        """Return the groups in the order of their first numbers."""
        groups: dict[int, list[int]] = {}
        for number in range(len(self._parent)):
            groups.setdefault(self._root(number), []).append(number)
        return list(groups.values())

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number


def _shingles(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1)) if words else ()
    return {crc32(" ".join(words[start : start + _SHINGLE_WORDS]).encode()) for start in starts}
