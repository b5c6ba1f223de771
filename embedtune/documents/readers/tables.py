"""Tables as lines that make sense by themselves (``name: Ada; born: 1815``): CSV and TSV, and workbooks by calamine."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from embedtune.documents.readers.files import (
    OLE,
    ReadingLimits,
    Unreadable,
    check_archive,
    read_decoded,
    require_signature,
)
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.types import Document

_NUMBER = re.compile(r"[-+(]?[$€£]?\s?[\d.,]+\s?%?\)?")
_MAX_NAME_CHARS = 80


def describe(names: Sequence[str], cells: Sequence[str]) -> str:
    """Return one row with its column names; empty cells are left out, a cell without a name has no prefix."""
    padded = [*names, *[""] * (len(cells) - len(names))]
    pairs = ((one_line(name), one_line(cell)) for name, cell in zip(padded, cells, strict=False))
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)


def describe_table(rows: Iterable[Sequence[str]], *, header: bool | None = None) -> list[str]:
    """Return rows of any length as lines; ``header``: the first one names the columns, None decides by its looks."""
    table = [[one_line(cell) for cell in row] for row in rows]
    table = [row for row in table if any(row)]
    if not table:
        return []
    if header or (header is None and looks_like_header(table)):
        lines = [describe(table[0], row) for row in table[1:]]
        return lines or [" | ".join(cell for cell in table[0] if cell)]
    lines = []
    for row in table:
        cells = [cell for cell in row if cell]
        is_pair = len(cells) == 2 and not cells[0].endswith(":")
        lines.append((": " if is_pair else " | ").join(cells))
    return lines


def add_table(builder: TextBuilder, rows: Iterable[Sequence[str]], *, header: bool | None = None) -> None:
    """Add the lines of a table to a document; see ``describe_table``."""
    for line in describe_table(rows, header=header):
        builder.block(line)


def looks_like_header(table: Sequence[Sequence[str]]) -> bool:
    """Return whether a first row names columns: short and different texts, no numbers, one for each cell below."""
    names = table[0]
    return (
        len(table) > 1
        and len(names) > 1
        and all(len(row) <= len(names) for row in table)
        and all(name and len(name) <= _MAX_NAME_CHARS and not _NUMBER.fullmatch(name) for name in names[1:])
        and len(set(names)) == len(names)
    )


_DELIMITERS = ",;\t|"


def read_csv(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a CSV or TSV file; the first row names the columns, and the names are repeated in each row."""
    text = read_decoded(path)
    first = text.lstrip("\n").partition("\n")[0]  # csv.Sniffer guesses letters on short files
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=first.count)
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # it is the whole process's; never less
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    builder = TextBuilder(limits.max_chars)
    add_table(builder, rows, header=True)
    return builder.build(name)


def read_workbook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a workbook; each sheet that is not empty is a page with a heading."""
    from python_calamine import CalamineWorkbook, PasswordError

    if path.suffix.lower() == ".xls":
        require_signature(path, OLE, "an Excel workbook of the old kind")
    else:
        check_archive(path, "a workbook", limits)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
    except PasswordError:
        raise Unreadable("encrypted") from None
    if len(workbook.sheet_names) > limits.max_pages:
        raise Unreadable(f"too many sheets: {len(workbook.sheet_names):,}, the limit is {limits.max_pages:,}")
    builder = TextBuilder(limits.max_chars)
    for sheet_name in workbook.sheet_names:
        rows = ([_cell(value) for value in row] for row in workbook.get_sheet_by_name(sheet_name).to_python())
        builder.page()
        lines = describe_table(rows)
        if lines:
            builder.heading(1, sheet_name)
        for line in lines:
            builder.block(line)
    return builder.build(name)


def _cell(value: object) -> str:
    """Write a value as people do: 89 and not 89.0, a date without its midnight."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)
