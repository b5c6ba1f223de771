"""Workbooks of Excel and OpenDocument by calamine: each sheet is a table."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from embedtune.documents.readers.files import OLE, ReadingLimits, Unreadable, check_archive, require_signature
from embedtune.documents.readers.tables import Cell, describe_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document


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
        builder.page()
        lines = describe_table(_rows(workbook.get_sheet_by_name(sheet_name)))
        if lines:
            builder.heading(1, sheet_name)
        for line in lines:
            builder.block(line)
    return builder.build(name)


def _rows(sheet: Any) -> list[list[Cell]]:
    """Return the cells of a sheet; of merged ones the first, with its reach."""
    rows = [[_cell(value) for value in row] for row in sheet.to_python()]
    top, left = sheet.start or (0, 0)
    reach: dict[tuple[int, int], tuple[int, int]] = {}
    covered: set[tuple[int, int]] = set()
    for (first_row, first_column), (last_row, last_column) in sheet.merged_cell_ranges or ():
        first = (first_row - top, first_column - left)
        reach[first] = (last_row - first_row + 1, last_column - first_column + 1)
        last = (min(last_row - top, len(rows) - 1), min(last_column - left, max(map(len, rows), default=0) - 1))
        covered |= {
            (row, column) for row in range(first[0], last[0] + 1) for column in range(first[1], last[1] + 1)
        } - {first}
    return [
        [
            Cell(text, *reach.get((row, column), (1, 1)))
            for column, text in enumerate(texts)
            if (row, column) not in covered
        ]
        for row, texts in enumerate(rows)
    ]


def _cell(value: object) -> str:
    """Write a value as people do: 89 and not 89.0, a date without its midnight."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)
