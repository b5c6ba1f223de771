"""Rows of tables as lines that can be understood alone: ``name: Ada; born: 1815``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from embedtune.documents.text_builder import one_line

_NUMBER = re.compile(r"[-+(]?[$€£]?\s?[\d.,]+\s?%?\)?")
_MAX_NAME_CHARS = 80


def describe(names: Sequence[str], cells: Sequence[str]) -> str:
    """Return one row with its column names; empty cells are left out, a cell without a name stands alone."""
    padded = [*names, *[""] * (len(cells) - len(names))]
    pairs = ((one_line(name), one_line(cell)) for name, cell in zip(padded, cells, strict=False))
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)


def describe_table(rows: Iterable[Sequence[str]], *, header: bool | None = None) -> list[str]:
    """Return the rows of a table as lines.

    Args:
        rows: Cells, rows of any length.
        header: Whether the first row holds the names of the columns; None means to judge by what it looks like.
    """
    table = [[one_line(cell) for cell in row] for row in rows]
    table = [row for row in table if any(row)]
    if not table:
        return []
    if header or (header is None and looks_like_header(table)):
        lines = [describe(table[0], row) for row in table[1:]]
        return lines or [" | ".join(cell for cell in table[0] if cell)]
    return [_join(row) for row in table]


def looks_like_header(table: Sequence[Sequence[str]]) -> bool:
    """Tell whether a first row names columns: short and different texts, no numbers, one for each cell below."""
    names = table[0]
    return (
        len(table) > 1
        and len(names) > 1
        and all(len(row) <= len(names) for row in table)
        and all(name and len(name) <= _MAX_NAME_CHARS and not _NUMBER.fullmatch(name) for name in names[1:])
        and len(set(names)) == len(names)
    )


def _join(row: Sequence[str]) -> str:
    cells = [cell for cell in row if cell]
    return ": ".join(cells) if len(cells) == 2 and not cells[0].endswith(":") else " | ".join(cells)
