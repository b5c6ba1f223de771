"""TREC run files, ``query-id Q0 document-id rank score tag``, and judgements and runs in the forms of other libraries.

Columns are separated by white space, so white space and per cent signs inside an id (a file called ``my notes.txt``) are
written in per cent form and read back.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from embedtune.errors import DataError
from embedtune.formats.beir import read_qrels
from embedtune.formats.lines import numbered_lines
from embedtune.types import Qrels, Run

_UNSAFE = re.compile(r"[\s%]")


def _column(identifier: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match.group()), identifier)


def ranked(scores: dict[str, float]) -> list[tuple[str, float]]:
    """Return the entries by falling score; equal scores by falling id, as trec_eval orders them."""
    return sorted(scores.items(), key=lambda item: (item[1], item[0]), reverse=True)


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a run; scores keep all their digits, because rounding would change ties."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for query_id, scores in run.items():
            for rank, (document_id, score) in enumerate(ranked(scores), start=1):
                file.write(f"{_column(query_id)} Q0 {_column(document_id)} {rank} {score!r} {tag}\n")


def read_run(path: Path) -> Run:
    """Read a run file.

    Raises:
        DataError: If the file is not UTF-8, a line does not have six columns with a number in the fifth, or a query has a
            document twice.
    """
    run: Run = {}
    for number, line in numbered_lines(path):
        cells = line.split()
        try:
            query_id, _, document_id, _, score, _ = cells
            value = float(score)
        except ValueError as error:
            raise DataError.at(path, number, "six columns with a score in the fifth", repr(line[:120])) from error
        found = run.setdefault(unquote(query_id), {})
        document = unquote(document_id)
        if math.isnan(value) or document in found:
            what = "a score that is no number" if math.isnan(value) else f"{document!r} again for the same query"
            raise DataError.at(path, number, "one score for each document of a query", what)
        found[document] = value
    return run


def as_run(value: Any) -> Run:
    """Return a run of any of the usual forms as a dictionary.

    Args:
        value: Query id → document id → score; the path of a TREC run file; or, as ir_measures has them, ``ScoredDoc``
            objects or a data frame with the columns ``query_id``, ``doc_id`` and ``score``.

    Raises:
        DataError: If it is none of these.
    """
    if isinstance(value, str | os.PathLike):
        return read_run(Path(value))
    return {
        query: {name: float(score) for name, score in row.items()} for query, row in _nested(value, "score").items()
    }


def as_qrels(value: Any) -> Qrels:
    """Return judgements of any of the usual forms as a dictionary.

    Args:
        value: Query id → document id → grade; the path of a qrels file, BEIR's with a header or TREC's
            (``query-id 0 document-id grade``); or, as ir_measures has them, ``Qrel`` objects or a data frame with the columns
            ``query_id``, ``doc_id`` and ``relevance``.

    Raises:
        DataError: If it is none of these.
    """
    if isinstance(value, str | os.PathLike):
        return read_qrels(Path(value))
    return {
        query: {name: int(grade) for name, grade in row.items()} for query, row in _nested(value, "relevance").items()
    }


def _nested(value: Any, column: str) -> Mapping[str, Mapping[str, Any]]:
    if isinstance(value, Mapping) and all(isinstance(row, Mapping) for row in value.values()):
        return value
    rows: Any = value.itertuples(index=False) if hasattr(value, "itertuples") else value
    nested: dict[str, dict[str, object]] = {}
    try:
        for row in rows:
            nested.setdefault(str(row.query_id), {})[str(row.doc_id)] = getattr(row, column)
    except (AttributeError, TypeError) as error:
        raise DataError(
            f"expected query id → document id → {column}, a path, or rows with query_id, doc_id and {column}, "
            f"found {type(value).__name__}"
        ) from error
    return nested
