"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/{train,dev,test}.tsv``.

The format is the one of the BEIR benchmark (Thakur et al. 2021). What we add stands in the ``metadata`` object that the
format allows, so other readers open our folders unaided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from embedtune.errors import DataError
from embedtune.records import SPLITS, Document, Passage, Qrels, Query

Row = TypeVar("Row", bound=tuple[Any, ...])

_GRADE = re.compile(r"-?[0-9]+")
QRELS_HEADER = ("query-id", "corpus-id", "score")


def is_beir(folder: Path) -> bool:
    """Tell whether a folder holds a BEIR corpus."""
    return (folder / "corpus.jsonl").is_file()


def read_documents(folder: Path) -> list[Document]:
    """Read ``corpus.jsonl`` as documents.

    Raises:
        DataError: If the file is missing, a line is not an object with ``_id`` and ``text``, or an id is used twice.
    """
    return _read_unique(
        folder / "corpus.jsonl", lambda row: Document(row["_id"], (row.get("title") or "").strip(), row["text"])
    )


def read_queries(folder: Path) -> list[Query]:
    """Read ``queries.jsonl``; a query without a recorded kind is of kind ``source``.

    Raises:
        DataError: As for ``read_documents``.
    """
    return _read_unique(
        folder / "queries.jsonl",
        lambda row: Query(row["_id"], row["text"], str((row.get("metadata") or {}).get("kind", "source"))),
    )


def read_passages(folder: Path) -> list[Passage]:
    """Read a corpus that ``write_passages`` wrote.

    Raises:
        DataError: As for ``read_documents``, or if a line lacks our metadata.
    """
    path = folder / "corpus.jsonl"

    def passage(row: dict[str, Any]) -> Passage:
        metadata = row.get("metadata") or {}
        document_id, start, end = metadata["document_id"], metadata["start"], metadata["end"]
        page = metadata.get("page")
        where = (int(start), int(end), page if page is None else int(page))
        return Passage(row["_id"], str(document_id), row.get("title") or "", row["text"], *where)

    try:
        return _read_unique(path, passage)
    except KeyError as error:
        raise DataError.at(path, None, "passages written by embedtune generate", f"no {error}") from error


def read_qrels(path: Path) -> Qrels:
    """Read one qrels file with its header line.

    Raises:
        DataError: If the file is missing, the header or a row is not as BEIR has it, or a pair is judged twice.
    """
    qrels: Qrels = {}
    header = None
    number = 1
    for number, line in _lines(path):
        cells = tuple(line.split("\t"))
        if header is None:
            header = cells
            if header != QRELS_HEADER:
                break
            continue
        if len(cells) != len(QRELS_HEADER) or not all(map(is_identifier, cells[:2])) or not _GRADE.fullmatch(cells[2]):
            raise DataError.at(path, number, "query id, corpus id and a whole grade, separated by tabs", repr(line))
        judged = qrels.setdefault(cells[0], {})
        if cells[1] in judged:
            raise DataError.at(
                path, number, "one judgement for each query and document", f"a second one for {cells[:2]}"
            )
        judged[cells[1]] = int(cells[2])
    if header != QRELS_HEADER:
        found = repr("\t".join(header)) if header else "an empty file"
        raise DataError.at(
            path, number if header else 1, f"the header {'⇥'.join(QRELS_HEADER)}", found, hint="add the header line"
        )
    return qrels


def read_splits(folder: Path) -> dict[str, Qrels]:
    """Read the qrels that are there, by split."""
    paths = {split: folder / "qrels" / f"{split}.tsv" for split in SPLITS}
    return {split: read_qrels(path) for split, path in paths.items() if path.is_file()}


def write_passages(folder: Path, passages: Iterable[Passage]) -> None:
    """Write ``corpus.jsonl``; document id, offsets and page, if there is one, stand in ``metadata``."""
    _write_lines(
        folder / "corpus.jsonl",
        (
            {
                "_id": passage.passage_id,
                "title": passage.title,
                "text": passage.text,
                "metadata": _metadata(passage),
            }
            for passage in passages
        ),
    )


def _metadata(passage: Passage) -> dict[str, Any]:
    metadata = {"document_id": passage.document_id, "start": passage.start, "end": passage.end}
    return metadata if passage.page is None else {**metadata, "page": passage.page}


def write_queries(folder: Path, queries: Iterable[Query]) -> None:
    """Write ``queries.jsonl``; the kind stands in ``metadata``."""
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


def _read_unique(path: Path, build: Callable[[dict[str, Any]], Row]) -> list[Row]:
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, line in _lines(path):
        row = _parse_row(path, number, line)
        if (first := seen.setdefault(row["_id"], number)) != number:
            raise DataError.at(path, number, "every _id once", f"{row['_id']!r} again (first in line {first})")
        rows.append(build(row))
    return rows


def _parse_row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode("utf-8")  # "\\ud800" is JSON and no text
    except (ValueError, RecursionError) as error:
        raise DataError.at(path, number, "one JSON object", str(error)) from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not is_identifier(row.get("_id")):
        raise DataError.at(path, number, 'an object with the strings "_id" and "text"', line[:80])
    if not isinstance(row.get("title", ""), str | None) or not isinstance(row.get("metadata", {}), dict | None):
        raise DataError.at(
            path, number, '"title" to be a string and "metadata" an object, if they are there', line[:80]
        )
    return row


def is_identifier(value: object) -> bool:
    """Tell whether a value can be an id in tab-separated files: a string that is not blank, without tabs or line breaks."""
    return isinstance(value, str) and bool(value.strip()) and not any(character in value for character in "\t\n\r")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines that are not blank; the whole file must be UTF-8."""
    try:
        with path.open(encoding="utf-8-sig", newline=None) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise DataError.at(path, None, "a file", "a folder" if path.is_dir() else "nothing") from None
    except UnicodeDecodeError as error:
        raise DataError.at(path, None, "UTF-8 text", f"{error.reason} at byte {error.start}") from error


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
