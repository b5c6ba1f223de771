"""Near-duplicate documents, by their five-word shingles: a split between them would test on training data.

Counted exactly over an inverted index. MinHash LSH Ensemble (Zhu et al. 2016, in datasketch) was tried instead: it missed
three of the contained topics of the Python reference, and each miss is a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from embedtune.documents.buffer import in_blocks
from embedtune.text.analyzer import lexical_terms
from embedtune.text.hashing import fingerprint
from embedtune.types import Document, Passage

if TYPE_CHECKING:
    from scipy.sparse import csr_array


Keys = NDArray[np.uint64]
"""Text number in the upper 32 bits, a shingle of that text in the lower."""

SHINGLE_WORDS = 5
_ASCII_WORD = re.compile(rb"\w+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits look random (2⁶⁴ over the golden ratio)
_HALF = np.uint64(32)


def shingle_keys(texts: Sequence[str], first: int = 0) -> Keys:
    """Return the shingles of each text, every one once: those of ``texts[0]`` under the number ``first``, sorted.

    Case, spelling and punctuation do not count. A text of fewer than five words has one shingle, one without words has none.
    """
    lengths = np.zeros(len(texts), dtype=np.int64)
    hashes: list[int] = []
    for number, text in enumerate(texts):
        before = len(hashes)
        hashes.extend(map(crc32, _words(text)))
        if len(hashes) > before:
            hashes.extend([0] * (SHINGLE_WORDS - len(hashes) + before))
        lengths[number] = len(hashes) - before
    rolled = _roll(np.array(hashes, dtype=np.uint64))
    # A shingle belongs to the text of its first word; one that reaches into the next text is dropped.
    row = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)[: len(rolled)]
    inside = np.arange(len(rolled)) + SHINGLE_WORDS <= np.cumsum(lengths)[row]
    return distinct((row[inside] + first).astype(np.uint64) << _HALF | rolled[inside])


def distinct(keys: Keys) -> Keys:
    """Return each key once, sorted; ``numpy.unique`` hashes and takes a hundred times as long."""
    ordered = np.sort(keys)
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    once: Keys = ordered[is_first]
    return once


def split_keys(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the numbers of the texts and the shingles."""
    return (keys >> _HALF).astype(np.int64), keys.astype(np.uint32)


def _words(text: str) -> Iterable[bytes]:
    return _ASCII_WORD.findall(text.lower().encode()) if text.isascii() else map(str.encode, lexical_terms(text))


def _roll(hashes: Keys) -> Keys:
    """Hash each run of five hashes to 32 bits, in 64-bit integers."""
    n = max(0, len(hashes) - SHINGLE_WORDS + 1)
    rolled = np.zeros(n, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        rolled = rolled * _FACTOR + hashes[place : place + n]
    return (rolled ^ rolled >> _HALF) * _FACTOR >> _HALF


SAME_PASSAGE = 0.9
"""Share of the smaller passage's shingles that must be in the other one."""

_MAX_DOCUMENTS = 50  # a shingle in more documents than this is boilerplate, and no evidence of copying
_BLOCK = 512  # documents that are compared with all others at once
_BLOCK_CHARS = 4_000_000  # of them in all; their words take ten times the memory
_LOW_BITS = 8  # of a shingle that the table of those that may be known leaves out: 16 MiB


def group_near_duplicates(documents: Iterable[Document], *, containment: float = 0.5) -> list[list[str]]:
    """Group documents that share text.

    Two documents belong together when they are equal, or when at least ``containment`` of the smaller one's five-word
    shingles are in the other (the containment of Broder 1997), boilerplate left aside.

    Returns:
        Groups of document ids; every document is in exactly one, in the order of the documents.
    """
    index = ShingleIndex(documents)

    def pairs() -> Iterator[tuple[int, int]]:
        yield from index.equal
        for start in range(0, len(index.names), _BLOCK):
            stop = start + _BLOCK
            for row, number in index.contained(index.matrix[start:stop], index.sizes[start:stop], containment):
                yield start + row, number

    return [[index.names[number] for number in group] for group in _components(len(index.names), pairs())]


def add_copies(
    groups: list[list[str]], documents: Iterable[Document], others: Iterable[Document], *, containment: float
) -> list[list[str]]:
    """Add to groups of documents the others that belong to them; groups to which the same one belongs become one.

    Two belong together as in ``group_near_duplicates``; boilerplate is determined by the documents alone. The others are
    iterated once and not kept.
    """
    blocks = _blocks(others)
    first = next(blocks, None)
    if first is None:
        return groups
    index = ShingleIndex(documents)
    number_of = {name: number for number, group in enumerate(groups) for name in group}
    pairs: list[tuple[int, int]] = []
    added: dict[str, int] = {}
    for block in chain([first], blocks):
        for row, document in index.find(block, containment):
            number = number_of[index.names[document]]
            pairs.append((number, added.setdefault(block[row].document_id, number)))
    joined = _components(len(groups), pairs)
    merged = [[name for number in numbers for name in groups[number]] for numbers in joined]
    place = {number: place for place, numbers in enumerate(joined) for number in numbers}
    for name, number in added.items():
        merged[place[number]].append(name)
    return merged


def group_same_passages(passages: Sequence[Passage], others: Iterable[Passage] = ()) -> list[list[str]]:
    """Group near-duplicate passages, by their texts alone: they share their judgements.

    The others join the groups they belong to; they are iterated once and not kept.
    """
    groups = group_near_duplicates(_as_documents(passages), containment=SAME_PASSAGE)
    return add_copies(groups, _as_documents(passages), _as_documents(others), containment=SAME_PASSAGE)


def same_passages(passages: Sequence[Passage]) -> dict[str, int]:
    """Return passage id → number of its group of passages that say the same."""
    groups = group_same_passages(passages)
    return {passage_id: number for number, group in enumerate(groups) for passage_id in group}


def _as_documents(passages: Iterable[Passage]) -> Iterator[Document]:
    return (Document(passage.passage_id, "", passage.text) for passage in passages)


class ShingleIndex:
    """The shingles of documents, in some twenty bytes each; ``matrix`` and ``sizes`` leave boilerplate out."""

    def __init__(self, documents: Iterable[Document]) -> None:
        rows: dict[str, int] = {}
        self._first: dict[int, int] = {}
        self.equal: list[tuple[int, int]] = []  # a document, and the first one whose text is the same
        keys: list[Keys] = []
        for block in _blocks(documents):
            numbers = [rows.setdefault(document.document_id, len(rows)) for document in block]
            for row, document in zip(numbers, block, strict=True):
                twin = self._first.setdefault(fingerprint(document.text), row)
                if twin != row:
                    self.equal.append((row, twin))
            texts, shingles = split_keys(shingle_keys([document.text for document in block]))
            keys.append(np.array(numbers, dtype=np.uint64)[texts] << _HALF | shingles)
        self.names = list(rows)
        # Once more, because the parts of a document are one.
        owners, shingles = split_keys(distinct(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.uint64))
        self._known, columns, frequency = np.unique(shingles, return_inverse=True, return_counts=True)
        self._boilerplate = frequency > _MAX_DOCUMENTS
        self._may_be_known = np.zeros(1 << 32 - _LOW_BITS, dtype=bool)
        self._may_be_known[self._known >> _LOW_BITS] = True
        distinctive = ~self._boilerplate[columns]
        self.matrix = self._matrix(owners[distinctive], columns[distinctive], len(self.names))
        self.sizes = np.diff(self.matrix.indptr)
        self._by_shingle = self.matrix.T.tocsr()

    def contained(
        self, rows: csr_array, sizes: NDArray[np.integer[Any]], containment: float
    ) -> Iterator[tuple[int, int]]:
        """Yield row and number of each of our documents that shares enough with a row of document × shingle."""
        shared = (rows @ self._by_shingle).tocoo()
        needed = containment * np.minimum(sizes[shared.row], self.sizes[shared.col])
        enough = shared.data >= needed
        yield from zip(shared.row[enough].tolist(), shared.col[enough].tolist(), strict=True)

    def find(self, others: Sequence[Document], containment: float) -> Iterator[tuple[int, int]]:
        """Yield row and number of each of our documents that is a near-duplicate of one of a few others."""
        rows, shingles = split_keys(shingle_keys([other.text for other in others]))
        columns, known = self._columns(shingles)
        distinctive = known.copy()
        distinctive[known] = ~self._boilerplate[columns[known]]
        matrix = self._matrix(rows[distinctive], columns[distinctive], len(others))
        sizes = np.bincount(rows[distinctive | ~known], minlength=len(others))
        yield from self.contained(matrix, sizes, containment)
        for row, other in enumerate(others):
            if (twin := self._first.get(fingerprint(other.text))) is not None:
                yield row, twin

    def _columns(self, shingles: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each shingle's column, and whether it is known; the columns of others mean nothing."""
        columns = np.zeros(len(shingles), dtype=np.int64)
        known = self._may_be_known[shingles >> _LOW_BITS]  # a look at one byte spares most searches
        if len(self._known):
            columns[known] = np.minimum(np.searchsorted(self._known, shingles[known]), len(self._known) - 1)
            known[known] = self._known[columns[known]] == shingles[known]
        return columns, known

    def _matrix(self, rows: NDArray[Any], columns: NDArray[Any], n_rows: int) -> csr_array:
        from scipy.sparse import csr_array

        ones = np.ones(len(rows), dtype=np.int32)
        return csr_array((ones, (rows, columns)), shape=(n_rows, len(self._known)))


def _components(size: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Join the numbers below ``size`` by pairs; return the groups in the order of their first numbers."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    ends = np.fromiter(chain.from_iterable(pairs), dtype=np.int64).reshape(-1, 2)
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    groups: dict[int, list[int]] = {}
    for number, label in enumerate(connected_components(graph, directed=False)[1].tolist()):
        groups.setdefault(label, []).append(number)
    return list(groups.values())


def _blocks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    return in_blocks(documents, lambda document: len(document.text), max_items=_BLOCK, max_chars=_BLOCK_CHARS)
