"""One line of a PDF page and where it stands."""

from __future__ import annotations

from typing import NamedTuple

_BESIDE = 0.5  # of the lower line's height: lines that overlap by less stand one below the other


class Line(NamedTuple):
    """One line of a page; lengths are in points, and y grows upwards.

    Attributes:
        text: What it says.
        left: Where its first character starts.
        right: Where its last character ends.
        top: Upper edge of its characters.
        bottom: Lower edge of its characters.
        size: Height of the smaller one of its first and last character.
    """

    text: str
    left: float
    right: float
    top: float
    bottom: float
    size: float

    @property
    def height(self) -> float:
        """The height of its characters, at least one point."""
        return max(self.top - self.bottom, 1.0)

    def is_beside(self, other: Line) -> bool:
        """Tell whether it stands on the line of another: a superscript, or the next cell of a row."""
        overlap = min(self.top, other.top) - max(self.bottom, other.bottom)
        return overlap > _BESIDE * min(self.height, other.height)

    @property
    def looseness(self) -> float:
        """Width of a character as a share of its height; gaps between columns make it large."""
        return (self.right - self.left) / len(self.text) / self.height
