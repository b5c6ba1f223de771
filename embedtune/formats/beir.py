"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{train,dev,test}.tsv``.

The format is the one of the BEIR benchmark (Thakur et al. 2021). Our additions are in the ``metadata`` object that the
format allows, so that other readers can open our folders.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from embedtune.errors import DataError
from embedtune.formats.lines import numbered_lines
from embedtune.text.hashing import Fingerprints, fingerprint
from embedtune.types import SPLITS, Document, Passage, Qrels, Query

Row = TypeVar("Row", bound=tuple[Any, ...])

_GRADE = re.compile(r"-?[0-9]{1,9}")
_COLUMNS = (
    "three columns parted by tabs, and grades such as 0, 1 or 2; TREC qrels have four columns and need converting"
)
_TORN = "each line is one object; was the file cut off while it was copied?"
QRELS_HEADER = ("query-id", "corpus-id", "score")


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


def read_qrels(path: Path) -> Qrels:
    """Read one qrels file with its header line.

    Raises:
        DataError: If the file is missing, the header or a row is not as BEIR has it, or a pair is judged twice.
    """
    qrels: Qrels = {}
    header = None
    number = 1
    for number, line in numbered_lines(path):
        cells = tuple(line.split("\t"))
        if header is None:
            header = cells
            if header != QRELS_HEADER:
                break
            continue
        if len(cells) != len(QRELS_HEADER) or not all(map(is_identifier, cells[:2])) or not _GRADE.fullmatch(cells[2]):
            expected = "query id, corpus id and a whole grade, separated by tabs"
            raise DataError.at(path, number, expected, repr(line[:120]), hint=_COLUMNS)
        judged = qrels.setdefault(cells[0], {})
        if cells[1] in judged:
            expected = "one judgement for each query and document"
            raise DataError.at(path, number, expected, f"a second one for {cells[:2]}")
        judged[cells[1]] = int(cells[2])
    if header != QRELS_HEADER:
        found = repr("\t".join(header)) if header else "an empty file"
        expected = f"the header {'⇥'.join(QRELS_HEADER)}"
        raise DataError.at(path, number if header else 1, expected, found, hint="add the header line")
    return qrels


def read_splits(folder: Path) -> dict[str, Qrels]:
    """Read the qrels that are there, by split."""
    paths = {split: folder / "qrels" / f"{split}.tsv" for split in SPLITS}
    return {split: read_qrels(path) for split, path in paths.items() if path.is_file()}


def write_passages(folder: Path, passages: Iterable[Passage]) -> None:
    """Write ``corpus.jsonl`` as the passages come; document id, offsets and page, if there is one, are in ``metadata``."""
    _write_lines(
        folder / "corpus.jsonl",
        (
            {"_id": passage.passage_id, "title": passage.title, "text": passage.text, "metadata": _metadata(passage)}
            for passage in passages
        ),
    )


def _metadata(passage: Passage) -> dict[str, object]:
    metadata = {"document_id": passage.document_id, "start": passage.start, "end": passage.end}
    return metadata if passage.page is None else {**metadata, "page": passage.page}


def write_queries(folder: Path, queries: Iterable[Query]) -> None:
    """Write ``queries.jsonl``; the kind is in ``metadata``."""
    _write_lines(
        folder / "queries.jsonl",
        ({"_id": query.query_id, "text": query.text, "metadata": {"kind": query.kind}} for query in queries),
    )


def write_qrels(folder: Path, split: str, qrels: Qrels) -> None:
    """Write ``qrels/SPLIT.tsv``."""
    path = folder / "qrels" / f"{split}.tsv"
    path.parent.mkdir(exist_ok=True)
    rows = ["\t".join(QRELS_HEADER)]
    rows += [f"{query}\t{document}\t{grade}" for query, judged in qrels.items() for document, grade in judged.items()]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _read_unique(path: Path, build: Callable[[dict[str, Any]], Row]) -> Iterator[Row]:
    """Yield the rows; a repeated id is reported at the end, from fingerprints instead of ids in memory."""
    ids = Fingerprints()
    for number, line in numbered_lines(path):
        row = _parse_row(path, number, line)
        ids.add(row["_id"])
        try:
            yield build(row)
        except _OtherRowError as error:
            raise DataError.at(path, number, *error.args) from error
    if len(suspects := ids.repeats()):
        _refuse_repetition(path, frozenset(suspects.tolist()))


def _refuse_repetition(path: Path, suspects: frozenset[int]) -> None:
    """Look a second time at the ids whose fingerprints came twice."""
    seen: dict[str, int] = {}
    for number, line in numbered_lines(path):
        name = _parse_row(path, number, line)["_id"]
        if fingerprint(name) in suspects and (first := seen.setdefault(name, number)) != number:
            again = f"{name!r} again (first in line {first})"
            raise DataError.at(path, number, "every _id once", again, hint="remove one of them")


class _OtherRowError(Exception):
    """A row that is valid JSON and unusable; its arguments are the expected and the found."""


def _is_offset(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value < 1 << 60


def _parse_row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if "\\u" in line:
            json.dumps(row, ensure_ascii=False).encode("utf-8")  # "\\ud800" is JSON and no text
    except (ValueError, RecursionError) as error:
        raise DataError.at(path, number, "one JSON object", str(error)[:200], hint=_TORN) from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not is_identifier(row.get("_id")):
        raise DataError.at(path, number, 'an object with the strings "_id" and "text"', line[:80])
    if not isinstance(row.get("title", ""), str | None) or not isinstance(row.get("metadata", {}), dict | None):
        expected = '"title" to be a string and "metadata" an object, if they are there'
        raise DataError.at(path, number, expected, line[:80])
    if "\0" in row["text"] or "\0" in (row.get("title") or ""):
        raise DataError.at(path, number, "text", "a NUL character in it", hint="remove the \\u0000")
    return row


def is_identifier(value: object) -> TypeGuard[str]:
    """Return whether a value can be an id in tab-separated files: a string that is not blank, without tabs or line breaks."""
    return isinstance(value, str) and bool(value.strip()) and not any(character in value for character in "\t\n\r\0")


def _write_lines(path: Path, rows: Iterable[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
