"""Documents kept on disk where they need no memory, and items taken in blocks of bounded size."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from embedtune.errors import ResourceError
from embedtune.types import Document, Section

Item = TypeVar("Item")

_IN_MEMORY = 32 << 20


class DocumentBuffer(Collection[Document]):
    """Documents in the order they came; beyond 32 MiB they are in a file without a name, which vanishes with this.

    To read a source twice would cost more than the disk.
    """

    def __init__(self, documents: Iterable[Document], scratch: Path | None = None) -> None:
        """Take in all documents; ``scratch`` is a folder with room for them, if temporary files should not go elsewhere.

        Raises:
            ResourceError: If the disk is full.
        """
        self._scratch = scratch
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch) if scratch else None)  # noqa: SIM115 - it lives as long as this
        self._count = 0
        for document in documents:
            self._write(_line(document))
            self._count += document.offset == 0

    def __len__(self) -> int:
        """Return the number of documents; one that came in parts counts once."""
        return self._count

    def __iter__(self) -> Iterator[Document]:
        position = 0
        while True:
            self._file.seek(position)  # two who read do not disturb each other
            line = self._file.readline()
            if not line:
                return
            position += len(line)
            document_id, title, text, sections, pages, offset = json.loads(line)
            parts = tuple(Section(tuple(headings), start, end) for headings, start, end in sections)
            yield Document(document_id, title, text, parts, tuple(pages), offset)

    def __contains__(self, document: object) -> bool:
        return any(held == document for held in self)

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            raise ResourceError(
                f"{self._scratch or tempfile.gettempdir()}: expected room for the text of the documents, found: {error}",
                hint="free disk space or choose another --out",
            ) from error


def _line(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def in_blocks(
    items: Iterable[Item], n_chars: Callable[[Item], int], *, max_items: int, max_chars: int
) -> Iterator[list[Item]]:
    """Yield items in lists of at most ``max_items`` and ``max_chars``; a longer item is a list of its own."""
    block: list[Item] = []
    held = 0
    for item in items:
        length = n_chars(item)
        if block and (len(block) == max_items or held + length > max_chars):
            yield block
            block, held = [], 0
        block.append(item)
        held += length
    if block:
        yield block
