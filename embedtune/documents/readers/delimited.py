"""CSV and TSV as spreadsheets and databases export them: the delimiter is judged by all lines, and ``sep=;`` is obeyed.

clevercsv was tried instead: it parts one column of sentences at their blanks, and a semicolon file at the commas of its names.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from embedtune.documents.readers.files import ReadingLimits, read_decoded
from embedtune.documents.readers.tables import Table, read_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

_DELIMITERS = ",;\t|"
_RARE_DELIMITERS = "^~¦\x1f\x01"  # of exports of databases; looked for where no other parts the lines
_SEPARATOR_LINE = re.compile(r"""\A\s*"?sep=(.)"?[^\S\n\t]*\n""", re.IGNORECASE)
_IN_TEXT = ",;"  # marks of sentences too, where a blank follows
_SAMPLE = 5000  # lines that are looked at
_MOST_LINES = 10  # of one cell, beyond which its quotation mark was probably never closed
_MIN_SHARE = 0.5  # of the lines that must have the same number of cells


class Dialect(NamedTuple):
    """How the lines of a file are parted into cells."""

    delimiter: str  # empty where each line is one cell
    quote: str = '"'  # empty where quotation marks are text
    escape: str | None = None
    skips_blanks: bool = False  # behind a delimiter


def read_csv(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a CSV or TSV file; the names of its columns are repeated in each row, titles above them stand alone."""
    text = read_decoded(path)
    builder = TextBuilder(limits.max_chars)
    table = table_of(text, prefers_tabs=path.suffix.lower() == ".tsv")
    for line in (*table.titles, *table.lines):
        builder.block(line)
    builder.note(f"names of the columns: {'; '.join(filter(None, table.names)) or 'none'}")
    return builder.build(name)


def table_of(text: str, *, prefers_tabs: bool = False) -> Table:
    """Return the table of a CSV file's text."""
    if not any(map(str.isalnum, text)):
        return Table([], [], [])
    given = _SEPARATOR_LINE.match(text)
    if given:
        text = text[given.end() :]
    dialect = find_dialect(text, given[1] if given else "\t" if prefers_tabs and "\t" in text else None)
    return read_table(_rows(text, dialect), header=True)


def find_dialect(text: str, delimiter: str | None = None) -> Dialect:
    """Return the dialect in which most lines have the same number of cells; a delimiter that is given is taken.

    A comma or semicolon that is always followed by a blank is a mark of a sentence, unless nothing else parts the lines and
    the first line has it too.
    """
    sample = "".join(islice(StringIO(text), _SAMPLE))
    if delimiter is not None:
        return _with_quotes(sample, delimiter)
    for candidates in (_DELIMITERS, _RARE_DELIMITERS):
        dialects = [_with_quotes(sample, mark) for mark in candidates if mark in sample]
        scored = [(_consistency(sample, dialect), dialect) for dialect in dialects]
        best, dialect = max(scored, key=lambda pair: pair[0], default=((0.0, 0), Dialect("")))
        if best[0] >= _MIN_SHARE:
            return dialect
    return _with_quotes(sample, "")


def _consistency(sample: str, dialect: Dialect) -> tuple[float, int]:
    """Return the share of lines with the usual number of cells, two or more, and that number."""
    rows = [row for row in _rows(sample, dialect) if any(map(str.strip, row))]
    widths = Counter(len(row) for row in rows)
    width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(1, 0))
    if width < 2:
        return 0.0, width
    share = count / len(rows)
    if dialect.skips_blanks:
        share = share / 2 if len(rows[0]) == width and _are_short(rows[0]) else 0.0
    return share, width


def _are_short(names: list[str]) -> bool:
    return all(len(name.split()) <= 4 and not name.rstrip().endswith(".") for name in names)


def _with_quotes(sample: str, delimiter: str) -> Dialect:
    """Return the dialect of a delimiter: its quotation marks, its escapes, and whether blanks follow it."""
    after = re.findall(rf"{re.escape(delimiter)}(.?)", sample) if delimiter else []
    skips_blanks = (
        delimiter in tuple(_IN_TEXT) and bool(after) and sum(mark == " " for mark in after) > 0.9 * len(after)
    )
    single = re.compile(rf"(?:^|{re.escape(delimiter)})'[^'\n]*'(?={re.escape(delimiter)}|$)", re.MULTILINE)
    quote = "'" if delimiter and '"' not in sample and len(single.findall(sample)) > 1 else '"'
    escape = "\\" if f"\\{quote}" in sample else None
    dialect = Dialect(delimiter, quote, escape, skips_blanks)
    longest = max((cell.count("\n") for row in _rows(sample, dialect) for cell in row), default=0)
    unquoted = dialect._replace(quote="")
    if longest > _MOST_LINES and len(set(map(len, _rows(sample, unquoted)))) <= len(
        set(map(len, _rows(sample, dialect)))
    ):
        return unquoted
    return dialect


def _rows(text: str, dialect: Dialect) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # it is the whole process's; never less
    return csv.reader(
        StringIO(text),  # whose lines end at line ends alone
        delimiter=dialect.delimiter or "\0",
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape,
        doublequote=dialect.escape is None or f"{dialect.quote}{dialect.quote}" in text,
        skipinitialspace=dialect.skips_blanks,
    )
