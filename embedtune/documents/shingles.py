"""Five-word shingles of many texts at once, as 32-bit hashes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
"""Text number in the upper 32 bits, a shingle of that text in the lower."""

SHINGLE_WORDS = 5
_WORD = re.compile(r"\w+")
_ASCII_WORD = re.compile(rb"\w+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits look random (2⁶⁴ over the golden ratio)
_HALF = np.uint64(32)


def shingle_keys(texts: Sequence[str], first: int = 0) -> Keys:
    """Return the shingles of each text, every one once: those of ``texts[0]`` under the number ``first``, sorted.

    Case and punctuation do not count. A text of fewer than five words has one shingle, one without words has none.
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
    # A shingle belongs to the text that its first word stands in; one that reaches into the next text is none.
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
    lower = text.lower()
    return _ASCII_WORD.findall(lower.encode()) if lower.isascii() else map(str.encode, _WORD.findall(lower))


def _roll(hashes: Keys) -> Keys:
    """Hash each run of five hashes to 32 bits, held in 64."""
    n = max(0, len(hashes) - SHINGLE_WORDS + 1)
    rolled = np.zeros(n, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        rolled = rolled * _FACTOR + hashes[place : place + n]
    return (rolled ^ rolled >> _HALF) * _FACTOR >> _HALF
