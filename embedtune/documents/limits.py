"""How much one file may cost before it is given up."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ReadingLimits:
    """Bounds for each file; one that passes a bound is skipped, the others are read.

    Attributes:
        max_file_mb: Size on disk.
        max_unpacked_mb: Size of what an archive (docx, pptx, xlsx, odt, epub) unpacks to.
        max_text_mb: Text, in millions of characters.
        max_pages: Pages, slides or sheets.
        timeout_s: Wall time.
        memory_mb: Address space of the process that reads; kept on Linux, elsewhere not everywhere.
    """

    max_file_mb: int = 100
    max_unpacked_mb: int = 500
    max_text_mb: int = 20
    max_pages: int = 5000
    timeout_s: float = 60.0
    memory_mb: int = 2048

    @property
    def max_chars(self) -> int:
        """``max_text_mb`` in characters."""
        return self.max_text_mb * MEGABYTE
