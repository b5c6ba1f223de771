"""Where a text that is too long for one piece may be parted."""

from __future__ import annotations

_BREAKS = ("\n\n", "\n", ". ", " ")
_LAST_SHARE = 0.5  # a break is looked for in this share of the piece, its end


def find_break(text: str, start: int, end: int) -> int:
    """Return where to part ``text[start:end]``: behind its last blank line, else line, sentence or word; else at the end."""
    earliest = end - int((end - start) * _LAST_SHARE)
    for mark in _BREAKS:
        found = text.rfind(mark, earliest, end)
        if found >= 0:
            return found + len(mark)
    return end
