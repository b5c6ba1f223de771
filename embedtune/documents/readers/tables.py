"""Tables as lines that make sense by themselves (``name: Ada; born: 1815``), with cells that reach over rows and columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from embedtune.documents.text_builder import TextBuilder, one_line

_NUMBER = re.compile(r"[-+(]?[$€£]?\s?[\d.,]+\s?%?\)?")
_MAX_NAME_CHARS = 80
_MAX_REACH = 200  # columns; a cell of a page can claim any number
_MIN_ROWS = 0.3  # of the rows, that must fill several columns below titles
_NOTE_CHARS = 40  # of a row that is one cell: a longer one is a note below the table


class Cell(NamedTuple):
    """A cell, and over how many rows and columns it reaches."""

    text: str
    rows: int = 1
    columns: int = 1


class _Placed(NamedTuple):
    """What stands in one row and column."""

    text: str = ""
    is_new: bool = True  # False where a cell of the same row reaches this column


class Table(NamedTuple):
    """A table taken apart."""

    titles: list[str]  # what stands above the names
    names: list[str]  # of the columns; none where no row names them
    lines: list[str]  # what each row says


def describe(names: Sequence[str], cells: Sequence[str]) -> str:
    """Return one row with its column names; empty cells are left out, a cell without a name has no prefix."""
    padded = [*names, *[""] * (len(cells) - len(names))]
    pairs = ((one_line(name), one_line(cell)) for name, cell in zip(padded, cells, strict=False))
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)


def describe_table(rows: Iterable[Sequence[str | Cell]], *, header: bool | None = None) -> list[str]:
    """Return rows of any length as lines; ``header``: the first one names the columns, None decides by its looks."""
    table = read_table(rows, header=header)
    return [*table.titles, *table.lines]


def add_table(builder: TextBuilder, rows: Iterable[Sequence[str | Cell]], *, header: bool | None = None) -> None:
    """Add the lines of a table to a document; see ``describe_table``."""
    for line in describe_table(rows, header=header):
        builder.block(line)


def read_table(rows: Iterable[Sequence[str | Cell]], *, header: bool | None = None) -> Table:
    """Take a table apart: titles above the names, one or two rows of names, and a line for each row.

    A cell that reaches over rows or columns stands in each of them; one that reaches over all columns is a line by itself.
    """
    table = [row for row in _placed(rows) if any(cell.text for cell in row)]
    n_titles = _count_titles(table, header)
    titles, table = [_joined(row) for row in table[:n_titles]], table[n_titles:]
    if not table:
        return Table(titles, [], [])
    n_names = _count_names(table, header)
    if not n_names:
        return Table(titles, [], [_joined(row) for row in table])
    names = _names(table[:n_names])
    lines = [_line(names, row) for row in table[n_names:] if [cell.text for cell in row] != names]
    return Table(titles, names, lines or [" | ".join(filter(None, names))])


def _placed(rows: Iterable[Sequence[str | Cell]]) -> list[list[_Placed]]:
    """Put each cell into all rows and columns that it reaches, as browsers do."""
    given = [[Cell(one_line(cell)) if isinstance(cell, str) else cell for cell in row] for row in rows]
    reaching: dict[tuple[int, int], _Placed] = {}
    table: list[list[_Placed]] = []
    for number, row in enumerate(given):
        placed: list[_Placed] = []
        for cell in row:
            while (number, len(placed)) in reaching:
                placed.append(reaching.pop((number, len(placed))))
            text, columns = one_line(cell.text), max(1, min(cell.columns, _MAX_REACH))
            parts = [_Placed(text, is_new=not offset) for offset in range(columns)]
            for below in range(number + 1, min(number + cell.rows, len(given))):
                reaching.update({(below, len(placed) + offset): part for offset, part in enumerate(parts)})
            placed += parts
        while (number, len(placed)) in reaching:
            placed.append(reaching.pop((number, len(placed))))
        table.append(placed)
    return table


def _filled(row: Sequence[_Placed]) -> int:
    """Return how many cells of a row have text; one that reaches over several counts once."""
    return sum(bool(cell.text) and cell.is_new for cell in row)


def _count_titles(table: Sequence[Sequence[_Placed]], header: bool | None) -> int:
    """Return how many rows at the top are titles or facts of a report: they fill far fewer columns than the rows below.

    Of two columns, without names that are known to be there, the rows may be facts themselves.
    """
    wide = Counter(count for count in map(_filled, table) if count > 1)
    if not wide or wide.total() < _MIN_ROWS * len(table):
        return 0
    usual = max(wide, key=lambda count: (wide[count], count))
    least = max(2, usual // 2 + 1)
    first = next((number for number, row in enumerate(table) if _filled(row) >= least), 0)
    return first if usual > (1 if header else 2) and len(table) > first + 1 else 0


def _count_names(table: Sequence[Sequence[_Placed]], header: bool | None) -> int:
    """Return how many rows name the columns: none, one or two."""
    if len(table) > 2 and _goes_on(table[0], table[1]):
        return 2 if header or _are_names(_names(table[:2]), table) else 0
    names = [cell.text for cell in table[0]]
    return int(header or (header is None and _are_names(names, table)))


def _goes_on(first: Sequence[_Placed], second: Sequence[_Placed]) -> bool:
    """Return whether a second row of names tells apart the columns that names of the first one reach over."""
    if _filled(first) < 2 or len(second) > len(first) or any(_NUMBER.fullmatch(cell.text) for cell in second):
        return False
    below = [cell.text for cell in second] + [""] * (len(first) - len(second))
    reached = [not cell.is_new or (number > 0 and not cell.text) for number, cell in enumerate(first)]
    covers = any(reaches and text for reaches, text in zip(reached, below, strict=True))
    rests = any(not text or text == cell.text for text, cell in zip(below, first, strict=True) if cell.text)
    return covers and (rests or any(not cell.is_new for cell in first))


def _names(rows: Sequence[Sequence[_Placed]]) -> list[str]:
    """Return the names of the columns; of two rows joined, where a name of the first reaches to what has none."""
    names = [cell.text for cell in rows[0]]
    if len(rows) == 1:
        return names
    below = [cell.text for cell in rows[1]] + [""] * (len(names) - len(rows[1]))
    last, joined = "", []
    for name, second in zip(names, below, strict=True):
        last = name or (last if second else "")
        joined.append(" ".join(filter(None, dict.fromkeys((last, second)))))
    return joined


def looks_like_header(table: Sequence[Sequence[str]]) -> bool:
    """Return whether a first row names columns: short and different texts, no numbers, one for each cell below."""
    return len(table) > 1 and _are_names(list(table[0]), table)


def _are_names(names: Sequence[str], table: Sequence[Sequence[object]]) -> bool:
    return (
        len(table) > 1
        and len(names) > 1
        and all(len(row) <= len(names) for row in table)
        and all(name and len(name) <= _MAX_NAME_CHARS and not _NUMBER.fullmatch(name) for name in names[1:])
        and len(set(names)) == len(names)
    )


def _line(names: Sequence[str], row: Sequence[_Placed]) -> str:
    texts = [cell.text for cell in row]
    reaches_over_all = len(row) > 1 and _filled(row) == 1 and len(set(texts)) == 1
    is_note = len(names) > 2 and not any(texts[1:]) and (len(texts[0]) > _NOTE_CHARS or ": " in texts[0])
    return texts[0] if reaches_over_all or is_note else describe(names, texts)


def _joined(row: Sequence[_Placed]) -> str:
    """Return a row without names."""
    cells = [cell.text for cell in row if cell.text and cell.is_new]
    is_pair = len(cells) == 2 and not cells[0].endswith(":")
    return (": " if is_pair else " | ").join(cells)
