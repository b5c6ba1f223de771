"""Documents that were read, kept where they need no memory: reading them twice would cost more than the disk."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from embedtune.errors import ResourceError
from embedtune.types import Document, Section

_IN_MEMORY = 32 << 20


class DocumentBuffer(Collection[Document]):
    """Documents in the order they came; more than 32 MiB of them stand in a file without a name, which vanishes with this."""

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
