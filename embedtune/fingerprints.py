"""Which of many texts occur more than once, told by eight bytes of each on disk instead of the texts in memory."""

from __future__ import annotations

import os
import tempfile
from array import array
from hashlib import blake2b
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

_IN_MEMORY = 1 << 20


def fingerprint(text: str) -> int:
    """Return 64 bits of a hash; two of a million texts share theirs once in 37 million such sets."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Fingerprints:
    """Fingerprints of texts; beyond a million of them they stand in a file without a name, which vanishes with this."""

    def __init__(self, scratch: Path | None = None) -> None:
        """Start empty; ``scratch`` is where the file may be, if not where temporary files belong."""
        self._scratch = scratch
        self._file: IO[bytes] | None = None
        self._held = array("Q")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> None:
        """Take note of a text."""
        self._held.append(fingerprint(text))
        self._count += 1
        if len(self._held) >= _IN_MEMORY:
            self._flush()

    def repeats(self) -> NDArray[np.uint64]:
        """Return the fingerprint of each occurrence but the first ones, sorted."""
        held = self._all()
        held.sort()
        return np.array(held[1:][held[1:] == held[:-1]])

    def _all(self) -> NDArray[np.uint64]:
        if self._file is None:
            return np.array(self._held, dtype=np.uint64)
        self._flush()
        # Sorted in place, in pages that the system may take back.
        return np.memmap(self._file, dtype=np.uint64, mode="r+", shape=(self._count,))

    def _flush(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - it lives as long as this
        self._file.seek(0, os.SEEK_END)
        self._file.write(self._held.tobytes())
        self._file.flush()
        self._held = array("Q")
