"""Corpora in bounded memory: documents on disk, items in blocks, and a sample of the passages."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, TypeVar

from embedtune.errors import ResourceError
from embedtune.text.hashing import fingerprint
from embedtune.types import Document, Passage, Section

Item = TypeVar("Item")

_IN_MEMORY = 32 << 20


class DocumentBuffer(Collection[Document]):
    """Documents in order; beyond 32 MiB they are in an unnamed temporary file, because reading a source twice costs more."""

    def __init__(self, documents: Iterable[Document], scratch: Path | None = None) -> None:
        """Store all documents; ``scratch`` is the temporary file's folder. Raises ``ResourceError`` if the disk is full."""
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch) if scratch else None)  # noqa: SIM115 - it lives as long as this
        self._count = 0
        for document in documents:
            line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            try:
                self._file.write(line + b"\n")
            except OSError as error:
                raise ResourceError(
                    f"{scratch or tempfile.gettempdir()}: expected room for the text of the documents, found: {error}",
                    hint="free disk space or choose another --out",
                ) from error
            self._count += document.offset == 0

    def __len__(self) -> int:
        """Return the number of documents; one in several parts counts once."""
        return self._count

    def __iter__(self) -> Iterator[Document]:
        position = 0
        while True:
            self._file.seek(position)  # several readers do not disturb each other
            line = self._file.readline()
            if not line:
                return
            position += len(line)
            yield document_of(json.loads(line))

    def __contains__(self, document: object) -> bool:
        return any(own == document for own in self)


def document_of(values: Sequence[Any]) -> Document:
    """Return the document that was written as a JSON list."""
    document_id, title, text, sections, pages, offset, notes = values
    parts = tuple(Section(tuple(headings), start, end) for headings, start, end in sections)
    return Document(document_id, title, text, parts, tuple(pages), offset, tuple(notes))


def in_blocks(
    items: Iterable[Item], n_chars: Callable[[Item], int], *, max_items: int, max_chars: int
) -> Iterator[list[Item]]:
    """Yield items in lists of at most ``max_items`` and ``max_chars``; a longer item is a list of its own."""
    block: list[Item] = []
    size = 0
    for item in items:
        length = n_chars(item)
        if block and (len(block) == max_items or size + length > max_chars):
            yield block
            block, size = [], 0
        block.append(item)
        size += length
    if block:
        yield block


CHARS_PER_PASSAGE = 2000
"""Average characters of a passage of the sample at most, so that long passages are bounded too."""


class PassageSample:
    """Keeps all of the ``n_seen`` passages up to a bound, beyond it those whose hash with the seed is smallest."""

    def __init__(self, size: int, seed: int, *, wanted: Collection[str] = frozenset()) -> None:
        """Start a sample of ``size`` passages, and of ``CHARS_PER_PASSAGE`` characters for each, at most.

        Passages of the documents ``wanted`` are always kept, and count for neither bound.
        """
        self._size = size
        self._seed = seed
        self._wanted = wanted
        self._always: list[tuple[int, Passage]] = []
        self._sampled: list[tuple[int, int, Passage]] = []  # a heap, the largest hash first
        self._chars = 0
        self._limit = 1 << 64  # hashes from here on have been rejected
        self.n_seen = 0

    def add(self, passage: Passage) -> None:
        """Offer a passage."""
        number, self.n_seen = self.n_seen, self.n_seen + 1
        if passage.document_id in self._wanted:
            self._always.append((number, passage))
            return
        rank = fingerprint(f"{self._seed}:{passage.passage_id}")
        if rank >= self._limit:
            return
        heappush(self._sampled, (-rank, number, passage))
        self._chars += len(passage.full_text)
        while len(self._sampled) > self._size or self._chars > CHARS_PER_PASSAGE * self._size:
            worst, _, lost = heappop(self._sampled)
            self._chars -= len(lost.full_text)
            self._limit = -worst

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return len(self._always) + len(self._sampled) == self.n_seen

    def passages(self) -> list[Passage]:
        """Return the sample, in the order of ``add``."""
        kept = self._always + [(number, passage) for _, number, passage in self._sampled]
        return [passage for _, passage in sorted(kept, key=lambda row: row[0])]
