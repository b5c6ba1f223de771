"""What the campaigns found: a table of each in ``benchmarks/faults.md``, their counts in ``benchmarks/faults.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

TABLE = Path(__file__).parents[2] / "benchmarks" / "faults.md"
COUNTS = TABLE.with_suffix(".json")
_FIRST = (
    "| stage |",
    "| what others bring |",
    "| damaged documents |",
)  # the first cell of each table's head, in order


def write(counts: Mapping[str, object], table: Sequence[str]) -> None:
    """Put in the counts and the table of one campaign, whose head begins as ``_FIRST`` says; what others found stays."""
    COUNTS.write_text(json.dumps({**json.loads(COUNTS.read_text()), **counts}, indent=2) + "\n")
    tables = {_first(lines): lines for lines in _tables(TABLE.read_text().splitlines())} | {_first(table): list(table)}
    TABLE.write_text("\n\n".join("\n".join(tables[head]) for head in _FIRST if head in tables) + "\n")


def _first(lines: Sequence[str]) -> str:
    return next(head for head in _FIRST if lines[0].startswith(head))


def _tables(lines: Sequence[str]) -> list[list[str]]:
    """Divide the page where a table begins; the sentences below one belong to it."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith(_FIRST):
            found.append([])
        found[-1].append(line)
    return ["\n".join(table).strip("\n").split("\n") for table in found]
