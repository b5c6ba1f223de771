"""Labels: queries with what answers them or does not, from rows of the columns that trainers and search logs use.

A row has a query and either texts that answer it (``pos``, ``positive``) and do not (``neg``, ``negative_1`` …), or a document
with a score, a label or a number of clicks. ``label_files`` opens the files.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from embedtune.errors import DataError
from embedtune.formats.lines import FaultyRows
from embedtune.text.hashing import content_id
from embedtune.types import Document, Qrels, Query

Holds = Literal["texts", "ids", "either"]
"""What the judged column of a file holds: texts, ids or names of documents, or one of the two."""

_QUERY = ("query", "anchor", "question", "sentence1", "sentence_a")
_POSITIVE = re.compile(r"(pos|positives?|answers?)(_\d+)?")
_NEGATIVE = re.compile(r"(neg|negatives?)(_\d+)?")
_DOCUMENT = re.compile(r"(clicked_)?(document|doc|passage|text)|sentence2|sentence_b")
_DOCUMENT_ID = re.compile(r"(clicked_)?((document|doc|passage|corpus)_?id|url|path|file)")
_SCORE = ("score", "label", "grade", "relevance", "similarity")
_CLICKS = ("clicks", "count", "n_clicks", "click_count")
_TRUTH = {"true": 1.0, "false": 0.0}
_MAX_GRADE = 10**9
_EXPECTED = "a column query or anchor, and pos, positive or document beside it"
_HINT = "docs/formats.md shows each form of label files with an example"


class Labels(NamedTuple):
    """What a label file says.

    Attributes:
        path: The file, or the folder.
        split: ``train``, ``dev`` or ``test``.
        queries: In the order of the file.
        qrels: Query id → judged text or id → grade; above 0 is relevant.
        holds: Whether the qrels name texts or documents.
        lines: Judged text or id → the line that names it first.
        corpus: Yields the documents that came with the file, if there are any.
    """

    path: Path
    split: str
    queries: list[Query]
    qrels: Qrels
    holds: Holds
    lines: dict[str, int]
    corpus: Callable[[], Iterable[Document]] | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of a label file, by what they hold."""

    query: str
    positives: list[str]
    negatives: list[str]
    document: str | None
    score: str | None
    clicks: str | None
    holds: Holds

    @classmethod
    def of(cls, names: Iterable[str]) -> Columns | None:
        """Find the columns by their names; None where no column holds queries, or none what is judged."""
        found = {_plain(name): name for name in names if isinstance(name, str)}
        query = next((found[name] for name in _QUERY if name in found), None)
        positives, negatives = _matching(_POSITIVE, found), _matching(_NEGATIVE, found)
        texts, ids = _matching(_DOCUMENT, found), _matching(_DOCUMENT_ID, found)
        document = None if positives or negatives else next(iter([*ids, *texts]), None)
        if query is None or not (positives or negatives or document):
            return None
        score, count = (next((found[name] for name in known if name in found), None) for known in (_SCORE, _CLICKS))
        holds: Holds = "texts" if document is None else "ids" if document in ids else "either"
        # Beside negatives a score is that of a teacher, the margin of MarginMSELoss.
        return cls(query, positives, negatives, document, None if negatives else score, document and count, holds)

    @property
    def certain(self) -> bool:
        """Whether such columns are hardly ever those of a document, as ``question`` and ``answer`` of an FAQ are."""
        named = [name for name in [*self.positives, *self.negatives] if not name.lower().startswith("answer")]
        return bool(named) or (self.query.lower() != "question" and bool(self.document and (self.score or self.clicks)))

    @property
    def names(self) -> list[str]:
        """All of them."""
        judged = [self.query, *self.positives, *self.negatives, self.document, self.score, self.clicks]
        return [name for name in judged if name]

    def __str__(self) -> str:
        return ", ".join(self.names)


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _matching(pattern: re.Pattern[str], names: Mapping[str, str]) -> list[str]:
    return [column for name, column in names.items() if pattern.fullmatch(name)]


class LabelRows:
    """Collects the rows of one file; faulty ones are told together."""

    def __init__(self, path: Path, columns: Columns, split: str, what: str = "line") -> None:
        """Start empty; ``what`` is what the numbers of the rows count."""
        self._path = path
        self._columns = columns
        self._split = split
        self._faults = FaultyRows(path, what)
        self._texts: dict[str, str] = {}
        self._qrels: Qrels = {}
        self._lines: dict[str, int] = {}

    @classmethod
    def with_names(cls, path: Path, names: Iterable[str], split: str, what: str = "line") -> LabelRows:
        """Start with the columns of these names. Raises ``DataError`` where they are not those of labels."""
        shown = list(names)
        if (columns := Columns.of(shown)) is None:
            raise DataError.at(path, 1, _EXPECTED, f"the columns {', '.join(map(str, shown))[:200]}", hint=_HINT)
        counts = Counter(_plain(name) for name in shown if isinstance(name, str))
        if double := next((name for name in columns.names if counts[_plain(name)] > 1), None):
            raise DataError.at(path, 1, f"one column {_plain(double)}", f"{counts[_plain(double)]}", hint=_HINT)
        return cls(path, columns, split, what)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns that are used."""
        return self._columns.names

    def add_fault(self, number: int, expected: str, found: str) -> None:
        """Note a row that could not even be parsed."""
        self._faults.add(number, expected, found)

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        """Add a row; rows of one query and text are one, of grades the highest counts, numbers of clicks add up."""
        try:
            query, graded = self._judgements(row)
        except _FaultyValueError as error:
            self._faults.add(number, *error.args)
            return
        query_id = content_id("q", query)
        self._texts.setdefault(query_id, query)
        judged = self._qrels.setdefault(query_id, {})
        for text, grade in graded:
            self._lines.setdefault(text, number)
            adds_up = self._columns.document and not self._columns.score
            judged[text] = judged.get(text, 0) + grade if adds_up else max(judged.get(text, grade), grade)

    def _judgements(self, row: Mapping[str, Any]) -> tuple[str, list[tuple[str, int]]]:
        columns = self._columns
        queries = _texts(row, columns.query)
        if len(queries) != 1:
            raise _FaultyValueError(f"one text in {columns.query}", f"{len(queries) or 'none'}")
        positives = [
            text for name in filter(None, [*columns.positives, columns.document]) for text in _texts(row, name)
        ]
        negatives = [text for name in columns.negatives for text in _texts(row, name)]
        if not positives and not negatives:
            named = " or ".join([*columns.positives, *columns.negatives, *filter(None, [columns.document])])
            raise _FaultyValueError(f"a text in {named}", "none")
        grade = 1
        if columns.score:
            # Shares such as 0.8 and scales such as 4.6 alike: rounded, half up.
            grade = math.floor(_number(row, columns.score) + 0.5)
        elif columns.clicks:
            grade = int(count := _number(row, columns.clicks))
            if grade != count or count < 0:
                raise _FaultyValueError(f"a whole number from 0 in {columns.clicks}", repr(row.get(columns.clicks)))
        return queries[0], [*((text, grade) for text in positives), *((text, 0) for text in negatives)]

    def labels(self) -> Labels:
        """Return what was added. Raises ``DataError`` with all faulty rows, or where there is no row."""
        self._faults.check()
        if not self._texts:
            raise DataError.at(self._path, None, "rows with labels", "none")
        if self._columns.document and not self._columns.score:
            # Once counts are added up: 1 click is grade 1, 10 are grade 2, 100 are grade 3.
            graded = {
                query: {name: len(str(count)) if count else 0 for name, count in judged.items()}
                for query, judged in self._qrels.items()
            }
        else:
            graded = self._qrels
        queries = [Query(query_id, text, "source") for query_id, text in self._texts.items()]
        return Labels(self._path, self._split, queries, graded, self._columns.holds, self._lines)


class _FaultyValueError(Exception):
    """Its arguments are the expected and the found."""


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    value = row.get(name)
    texts = [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise _FaultyValueError(f"a text or a list of texts in {name}", f"{text!r:.80}")
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise _FaultyValueError(f"text in {name}", "a NUL character or half a character in it")
    return [text.strip() for text in texts if text.strip()]


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    try:
        number = _TRUTH[value.strip().lower()] if str(value).strip().lower() in _TRUTH else float(value)  # type: ignore[union-attr,arg-type]
    except (TypeError, ValueError, AttributeError, OverflowError):
        number = math.nan
    if not abs(number) < _MAX_GRADE:
        raise _FaultyValueError(f"a number in {name}", f"{value!r:.80}")
    return number
