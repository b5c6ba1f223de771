"""Tables: CSV and TSV by the standard library, workbooks (xlsx, xls, ods) by calamine. Each row is a line of its own."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.archives import open_archive
from embedtune.documents.readers.encodings import read_decoded
from embedtune.documents.readers.rows import describe_table
from embedtune.documents.readers.signatures import demand
from embedtune.documents.readers.unreadable import Unreadable
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

_DELIMITERS = ",;\t|"
_OLE = b"\xd0\xcf\x11\xe0"


def read_csv(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a CSV or TSV file; the first row names the columns, and the names are repeated in each row."""
    text = read_decoded(path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # it is the whole process's; never less
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    builder = TextBuilder(limits.max_chars)
    for line in describe_table(rows, header=True):
        builder.block(line)
    return builder.build(name)


def _delimiter(text: str) -> str:
    """Return the delimiter that stands most often in the first line; csv.Sniffer guesses letters on short files."""
    first = text.lstrip("\n").partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def read_workbook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a workbook; each sheet that holds something is a page and a heading."""
    from python_calamine import CalamineWorkbook, PasswordError

    if path.suffix.lower() == ".xls":
        demand(path, _OLE, "an Excel workbook of the old kind")
    else:
        with open_archive(path, "a workbook", limits):
            pass
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
