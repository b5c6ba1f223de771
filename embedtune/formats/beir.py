"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{train,dev,test}.tsv``.

The format is the one of the BEIR benchmark (Thakur et al. 2021). Our additions are in the ``metadata`` object that the
format allows, so that other readers can open our folders.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard, TypeVar
from urllib.parse import unquote

from embedtune.errors import DataError
from embedtune.formats.lines import FaultyRows, numbered_lines
from embedtune.text.hashing import Fingerprints, fingerprint
from embedtune.types import SPLITS, Document, Passage, Qrels, Query

Row = TypeVar("Row", bound=tuple[Any, ...])

_GRADE = re.compile(r"-?[0-9]{1,9}")
_COLUMNS = "three columns parted by tabs, and grades such as 0, 1 or 2; a file in TREC's four columns has no header"
_TORN = "each line is one object; was the file cut off while it was copied?"
QRELS_HEADER = ("query-id", "corpus-id", "score")
_TREC = "TREC's four columns: query id, 0, document id and a whole grade"
_TREC_COLUMNS = 4
_NO_HEADER = f"add the header line, or use {_TREC}"


def is_beir(folder: Path) -> bool:
    """Return whether a folder has a BEIR corpus."""
    return (folder / "corpus.jsonl").is_file()


def read_documents(folder: Path) -> Iterator[Document]:
    """Yield the documents of ``corpus.jsonl``.

    Raises:
        DataError: If the file is missing, a line is not an object with ``_id`` and ``text``, or an id is used twice.
    """
    return _read_unique(
        folder / "corpus.jsonl", lambda row: Document(row["_id"], (row.get("title") or "").strip(), row["text"])
    )


def read_queries(folder: Path) -> list[Query]:
    """Read ``queries.jsonl``; a query without a recorded kind is of kind ``source``.

    Raises:
        DataError: As for ``read_documents``, or if a query has no text.
    """

    def query(row: dict[str, Any]) -> Query:
        if not row["text"].strip():
            raise _OtherRowError("a query with text", f"none in {row['_id']!r}")
        return Query(row["_id"], row["text"], str((row.get("metadata") or {}).get("kind", "source")))

    return list(_read_unique(folder / "queries.jsonl", query))


def read_passages(folder: Path, *, any_corpus: bool = False) -> list[Passage]:
    """Read a corpus that ``write_passages`` wrote; with ``any_corpus`` an entry without our metadata is a document of its own.

    Raises:
        DataError: As for ``read_documents``, or if a line lacks our metadata.
    """
    return list(stream_passages(folder, any_corpus=any_corpus))


def stream_passages(folder: Path, *, any_corpus: bool = False) -> Iterator[Passage]:
    """Yield the passages; see ``read_passages``."""
    path = folder / "corpus.jsonl"

    def passage(row: dict[str, Any]) -> Passage:
        metadata = row.get("metadata") or {}
        document_id, start, end, page = (metadata.get(name) for name in ("document_id", "start", "end", "page"))
        if any_corpus and document_id is None:
            return Passage(row["_id"], row["_id"], row.get("title") or "", row["text"], 0, len(row["text"]))
        offsets: list[Any] = [start, end] if page is None else [start, end, page]
        if not (isinstance(document_id, str) and all(map(_is_offset, offsets))):
            raise _OtherRowError(
                "passages written by embedtune generate",
                f"metadata without the string document_id and the whole numbers start and end: {metadata!r}"[:200],
            )
        return Passage(row["_id"], document_id, row.get("title") or "", row["text"], *offsets)

    return _read_unique(path, passage)


def read_qrels(path: Path, queries: Collection[str] | None = None) -> Qrels:
    """Read one qrels file: BEIR's with its header line, or TREC's four columns (``query-id 0 document-id grade``).

    Where the ids of ``queries`` are given, those of the file must be among them.

    Raises:
        DataError: If the file is missing or has neither form; or with all rows that are malformed, judge a pair again, or name
            a query that is not known.
    """
    lines = numbered_lines(path)
    number, first = next(lines, (1, ""))
    of_line = _beir_row if tuple(first.split("\t")) == QRELS_HEADER else _trec_row
    if of_line is _trec_row:
        if not is_trec(first):
            found = repr(first[:120]) if first else "an empty file"
            raise DataError.at(path, number, f"the header {'⇥'.join(QRELS_HEADER)}", found, hint=_NO_HEADER)
        lines = numbered_lines(path)
    qrels: Qrels = {}
    faults, unknown = FaultyRows(path), set[str]()
    for number, line in lines:
        row = of_line(line)
        if row is None:
            what = "query id, corpus id and a whole grade, separated by tabs" if of_line is _beir_row else _TREC
            faults.add(number, what, repr(line[:120]), _COLUMNS if of_line is _beir_row else None)
            continue
        query, document, grade = row
        if queries is not None and query not in queries and query not in unknown:
            unknown.add(query)
            faults.add(number, "a query of queries.jsonl", repr(query))
        judged = qrels.setdefault(query, {})
        if document in judged:
            faults.add(number, "one judgement for each query and document", f"a second one for {(query, document)}")
        judged[document] = grade
    faults.check()
    return qrels


def is_trec(line: str) -> bool:
    """Return whether a line has TREC's four columns."""
    return _trec_row(line) is not None


def _beir_row(line: str) -> tuple[str, str, int] | None:
    cells = line.split("\t")
    if len(cells) != len(QRELS_HEADER) or not all(map(is_identifier, cells[:2])) or not _GRADE.fullmatch(cells[2]):
        return None
    return cells[0], cells[1], int(cells[2])


def _trec_row(line: str) -> tuple[str, str, int] | None:
    cells = line.split()
    if len(cells) != _TREC_COLUMNS or not _GRADE.fullmatch(cells[3]) or "\0" in line:
        return None
    query, document = unquote(cells[0]), unquote(cells[2])
    return (query, document, int(cells[3])) if is_identifier(query) and is_identifier(document) else None


def read_splits(folder: Path, queries: Collection[str] | None = None) -> dict[str, Qrels]:
    """Read the qrels that are there, by split; see ``read_qrels``."""
    paths = {split: folder / "qrels" / f"{split}.tsv" for split in SPLITS}
    return {split: read_qrels(path, queries) for split, path in paths.items() if path.is_file()}


def write_passages(folder: Path, passages: Iterable[Passage]) -> None:
    """Write ``corpus.jsonl`` as the passages come; document id, offsets and page, if there is one, are in ``metadata``."""
    rows = (
        {"_id": passage.passage_id, "title": passage.title, "text": passage.text, "metadata": _metadata(passage)}
        for passage in passages
    )
    _write(folder / "corpus.jsonl", _as_lines(rows))


def _metadata(passage: Passage) -> dict[str, object]:
    metadata = {"document_id": passage.document_id, "start": passage.start, "end": passage.end}
    return metadata if passage.page is None else {**metadata, "page": passage.page}


def write_queries(folder: Path, queries: Iterable[Query]) -> None:
    """Write ``queries.jsonl``; the kind is in ``metadata``."""
    _write(folder / "queries.jsonl", query_lines(queries))


def query_lines(queries: Iterable[Query]) -> Iterator[str]:
    """Yield the lines of ``queries.jsonl``."""
    return _as_lines({"_id": query.query_id, "text": query.text, "metadata": {"kind": query.kind}} for query in queries)


def write_qrels(folder: Path, split: str, qrels: Qrels) -> None:
    """Write ``qrels/SPLIT.tsv``."""
    path = folder / "qrels" / f"{split}.tsv"
    path.parent.mkdir(exist_ok=True)
    _write(path, qrels_lines(qrels))


def qrels_lines(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield the lines of ``qrels/SPLIT.tsv``."""
    yield "\t".join(QRELS_HEADER) + "\n"
    for query, judged in qrels.items():
        for document, grade in judged.items():
            yield f"{query}\t{document}\t{grade}\n"


def _read_unique(path: Path, build: Callable[[dict[str, Any]], Row]) -> Iterator[Row]:
    """Yield the rows; faulty ones are reported at the end, and repeated ids, by fingerprints instead of ids in memory."""
    ids, faults = Fingerprints(), FaultyRows(path)
    for number, line in numbered_lines(path):
        try:
            row = _parse_row(line)
            built = build(row)
        except _OtherRowError as error:
            faults.add(number, *error.args)
            continue
        ids.add(row["_id"])
        yield built
    faults.check()
    if len(suspects := ids.repeats()):
        _refuse_repetition(path, frozenset(suspects.tolist()))


def _refuse_repetition(path: Path, suspects: frozenset[int]) -> None:
    """Look a second time at the ids whose fingerprints came twice."""
    seen: dict[str, int] = {}
    faults = FaultyRows(path)
    for number, line in numbered_lines(path):
        name = _parse_row(line)["_id"]
        if fingerprint(name) in suspects and (first := seen.setdefault(name, number)) != number:
            faults.add(number, "every _id once", f"{name!r} again (first in line {first})", "remove one of them")
    faults.check()


class _OtherRowError(Exception):
    """A row that cannot be used; its arguments are the expected, the found and perhaps a hint."""


def _is_offset(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value < 1 << 60


def _parse_row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if "\\u" in line:
            json.dumps(row, ensure_ascii=False).encode("utf-8")  # "\\ud800" is JSON and no text
    except (ValueError, RecursionError) as error:
        raise _OtherRowError("one JSON object", str(error)[:200], _TORN) from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not is_identifier(row.get("_id")):
        raise _OtherRowError('an object with the strings "_id" and "text"', line[:80])
    if not isinstance(row.get("title", ""), str | None) or not isinstance(row.get("metadata", {}), dict | None):
        raise _OtherRowError('"title" to be a string and "metadata" an object, if they are there', line[:80])
    if "\0" in row["text"] or "\0" in (row.get("title") or ""):
        raise _OtherRowError("text", "a NUL character in it", "remove the \\u0000")
    return row


def is_identifier(value: object) -> TypeGuard[str]:
    """Return whether a value can be an id in tab-separated files: a string that is not blank, without tabs or line breaks."""
    return isinstance(value, str) and bool(value.strip()) and not any(character in value for character in "\t\n\r\0")


def _as_lines(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
