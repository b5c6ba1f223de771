"""Columns of a PDF page that its writer drew row by row: parted where a blank gutter runs through many lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from embedtune.documents.readers.pdf_layout import Line

_MIN_ROWS = 4  # that a gutter must part
_MIN_CHARS = 16  # of a line of either column, usually; the cells of a table are shorter
_MOST_PIECES = 1.2  # of a line of a column, on average
_FULL = 0.75  # of the width of a column's longest line, that most of its lines fill
_MIN_LETTERS = 0.7  # of their characters; a table has figures
_MIN_SMALL = 0.25  # of the lines, that begin with a small letter
WIDE_GAP = 0.6
"""Width of a gap, as a share of the line's height, that may part two columns."""

_SHORT = 0.5  # share of rows that only one column has, at most


class Row(NamedTuple):
    """What stands at one height of a page."""

    lines: list[Line]  # as they come from the page
    pieces: list[Line]  # the same, parted at wide gaps, from left to right


class _Gutter(NamedTuple):
    left: float
    right: float


def in_columns(rows: Sequence[Row]) -> list[Line]:
    """Return the lines of a page; columns that are drawn row by row come one after the other, table rows stay rows."""
    lines: list[Line] = []
    start = 0
    merged = list(_side_by_side(rows))
    while start < len(merged):
        end, gutter = _columns(merged, start)
        lines += merged[start].lines if gutter is None else _column_by_column(merged[start:end], gutter)
        start = end
    return lines


def _columns(rows: Sequence[Row], start: int) -> tuple[int, _Gutter | None]:
    """Return the end of the rows that a gutter parts into columns of running text, and the gutter; else the next row."""
    gaps = [_Gutter(left.right, right.left) for left, right in _neighbours(rows[start])]
    end, gutter = max((_stretch(rows, start, gap) for gap in gaps), default=(start, None), key=lambda found: found[0])
    if gutter is not None and _is_running_text(rows[start:end], gutter):
        return end, gutter
    return start + 1, None


def _side_by_side(rows: Sequence[Row]) -> Iterator[Row]:
    """Join rows that follow each other at one height, the second to the right of the first."""
    last: Row | None = None
    for row in rows:
        if last is None:
            last = row
        elif row.lines[0].is_on_line_of(last.lines[-1]) and row.pieces[0].left >= last.pieces[-1].right:
            last = Row([*last.lines, *row.lines], [*last.pieces, *row.pieces])
        else:
            yield last
            last = row
    if last is not None:
        yield last


def _stretch(rows: Sequence[Row], start: int, gap: _Gutter) -> tuple[int, _Gutter]:
    """Return the end of the rows through which a gap of the first one runs, and what is blank in all of them."""
    left, right = gap
    end = start
    for row in rows[start:]:
        least = WIDE_GAP * row.lines[0].height
        inner = [(max(left, a.right), min(right, b.left)) for a, b in _neighbours(row)]
        if row.pieces[-1].right <= right - least:
            inner.append((max(left, row.pieces[-1].right), right))
        elif row.pieces[0].left >= left + least:
            inner.append((left, min(right, row.pieces[0].left)))
        wide = [(b - a, a, b) for a, b in inner if b - a >= least]
        if not wide:
            break
        _, left, right = max(wide)
        end += 1
    return end, _Gutter(left, right)


def _neighbours(row: Row) -> Iterator[tuple[Line, Line]]:
    yield from zip(row.pieces, row.pieces[1:], strict=False)


def _sides(row: Row, gutter: _Gutter) -> tuple[list[Line], list[Line]]:
    left = [piece for piece in row.pieces if piece.right <= gutter.right and piece.left < gutter.left]
    return left, [piece for piece in row.pieces if piece not in left]


def _is_running_text(rows: Sequence[Row], gutter: _Gutter) -> bool:
    """Return whether the lines on both sides are those of sentences, and not cells of a table or fields of a form."""
    sides = [_sides(row, gutter) for row in rows]
    both = [pair for pair in sides if all(pair)]
    if len(both) < _MIN_ROWS or len(both) < _SHORT * len(rows):
        return False
    left = [pieces for pieces, _ in both]
    right = [pieces for _, pieces in both]
    inner = [Row(pieces, pieces) for pieces in right]
    return _are_sentences(left) and (_are_sentences(right) or _columns(inner, 0)[0] >= _MIN_ROWS)


def _are_sentences(lines: Sequence[Sequence[Line]]) -> bool:
    """Return whether lines of one piece each are full, and go on with small letters where the script has them."""
    pieces = [line[0] for line in lines]
    widths = [piece.right - piece.left for piece in pieces]
    begins = [piece.text[0] for piece in pieces[1:]]
    text = "".join("".join(piece.text.split()) for piece in pieces)
    cased = [letter for letter in begins if letter.isupper() or letter.islower()]
    goes_on = sum(map(str.islower, cased)) >= _MIN_SMALL * len(begins) if cased else not any(map(str.isdigit, begins))
    return (
        sum(map(len, lines)) <= _MOST_PIECES * len(lines)
        and median(len(piece.text) for piece in pieces) >= _MIN_CHARS
        and median(widths) >= _FULL * max(widths)
        and sum(map(str.isalpha, text)) >= _MIN_LETTERS * len(text)
        and goes_on
    )


def _column_by_column(rows: Sequence[Row], gutter: _Gutter) -> list[Line]:
    sides = [_sides(row, gutter) for row in rows]
    left = [piece for pieces, _ in sides for piece in pieces]
    return [*left, *in_columns([Row(pieces, pieces) for _, pieces in sides if pieces])]
