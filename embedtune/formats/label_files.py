"""Open label files: JSON lines, JSON, CSV, TSV, Parquet, ``datasets`` folders, MS MARCO triples, qrels of BEIR and TREC.

``recognise`` says whether a file that lies among documents is one of them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from embedtune.errors import DataError, missing_path
from embedtune.formats import beir
from embedtune.formats.columnar import Wanted, parquet_names, parquet_rows, saved_rows, saved_splits
from embedtune.formats.labels import Columns, LabelRows, Labels
from embedtune.formats.lines import numbered_lines, read_text
from embedtune.formats.llama_index import read_llama_index
from embedtune.regular import is_too_deep, open_regular
from embedtune.types import Document, Qrels, Query

LABEL_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".trec", ".qrels", ".parquet")
_SAVED = ("dataset_dict.json", "state.json")  # datasets.save_to_disk
_SPLIT = re.compile(r"(?:^|[._-])(train|dev|valid|validation|val|test)(?=[._-]|$)")
_DELIMITERS = ",;\t|"
_TRIPLE = ("query", "positive", "negative")
_QUERIES = ("queries*.jsonl", "queries*.tsv", "topics*.tsv")
_CORPUS = ("corpus.jsonl", "collection*.tsv", "corpus*.tsv")
_HEAD = 4 << 20
_BESIDE = "beside it, as queries.jsonl of BEIR or as queries.tsv (id, tab, text)"


def read_labels(path: Path) -> list[Labels]:
    """Read a label file, or a folder of them: BEIR's, one that ``datasets`` saved, or one file for each split.

    Raises:
        DataError: If it is no label file; or with all its faulty rows.
    """
    if not path.is_dir():
        return [_read_file(path)]
    if (path / "queries.jsonl").is_file():
        return _read_beir(path)
    if any((path / name).is_file() for name in _SAVED):
        return _read_saved(path)
    if files := label_files(path):
        return [labels for file in files for labels in read_labels(file)]
    raise DataError.at(path, None, "label files, or a BEIR folder", "none")


def _read_file(path: Path) -> Labels:
    if not path.is_file():
        found = "no regular file" if path.exists() else f"nothing{missing_path(path)}"
        raise DataError.at(path, None, "a label file", found)
    suffix, split = path.suffix.lower(), split_of(path)
    if suffix == ".json" and not read_text(path).lstrip().startswith("["):
        return _read_llama_index(path)
    read = _READERS.get(suffix)
    if read is None:
        _, first = next(numbered_lines(path), (1, ""))
        if tuple(first.split("\t")) == beir.QRELS_HEADER or beir.is_trec(first):
            read = _read_qrels
        else:
            read = _read_triples if suffix == ".tsv" and Columns.of(first.split("\t")) is None else _read_csv
    return read(path, split)


def recognise(path: Path) -> str | None:
    """Say what a label file among documents holds; None for what may well be a document."""
    if path.suffix.lower() not in LABEL_SUFFIXES:
        return None
    try:
        if path.suffix.lower() == ".parquet":
            columns = Columns.of(parquet_names(path))
        else:
            with open_regular(path) as file:
                head = file.read(_HEAD).decode("utf-8-sig", "replace")
            columns = _columns_of_head(path, head)
            lines = head.splitlines()[:3]
            if lines and (tuple(lines[0].split("\t")) == beir.QRELS_HEADER or all(map(_is_surely_trec, lines))):
                return "relevance judgements (qrels)"
    except (DataError, OSError, ValueError, RecursionError, csv.Error):
        return None
    return f"labels ({columns})" if columns and columns.certain else None


def _is_surely_trec(line: str) -> bool:
    return beir.is_trec(line) and line.split()[1] in ("0", "Q0")


def _columns_of_head(path: Path, head: str) -> Columns | None:
    """Return the columns of a file by its beginning."""
    start = head.lstrip()
    match path.suffix.lower():
        case ".jsonl" | ".json":
            if path.suffix.lower() == ".json" and start[:1] != "[":
                return None
            row, _ = json.JSONDecoder().raw_decode(start.removeprefix("[").lstrip())
            return Columns.of(row) if isinstance(row, dict) else None
        case ".csv" | ".tsv":
            line = start.partition("\n")[0]
            return Columns.of(next(csv.reader([line], delimiter=max(_DELIMITERS, key=line.count)), []))
    return None


def label_files(folder: Path) -> list[Path]:
    """Return the label files of a folder that holds nothing else, README and hidden files apart; else none."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(place, name) for name in files if name[0] != "." and Path(name).stem != "README"]
        if is_too_deep(Path(place)) or not all(map(is_labels, paths)):
            return []
        found += paths
    return sorted(found)


def is_labels(path: Path) -> bool:
    """Return whether a file or folder holds labels and no documents."""
    if path.is_dir():
        return any((path / name).is_file() for name in _SAVED) or bool(label_files(path))
    return recognise(path) is not None


def split_of(path: Path) -> str:
    """Return the split that a file is named by, such as ``train-00000-of-00001.parquet``; without one it is for training."""
    found = _SPLIT.search(path.stem.lower())
    name = found.group(1) if found else "train"
    return "dev" if name.startswith("val") else name


def _read_json(path: Path, split: str) -> Labels:
    if path.suffix.lower() == ".json":
        try:
            rows: Iterable[tuple[int, Any]] = list(enumerate(json.loads(read_text(path)), start=1))
        except (ValueError, RecursionError) as error:
            raise DataError.at(path, getattr(error, "lineno", None), "a JSON list", str(error)[:200]) from error
        return _collect(path, rows, split, "row")
    return _collect(path, ((number, _parse(line)) for number, line in numbered_lines(path)), split, "line")


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return error


def _collect(path: Path, rows: Iterable[tuple[int, Any]], split: str, what: str) -> Labels:
    """Build the labels of JSON rows; every row may have names of its own."""
    rows = iter(rows)
    head = list(islice(rows, 1000))  # an optional name need not stand in the first row
    names = dict.fromkeys(name for _, row in head if isinstance(row, dict) for name in row)
    collected = LabelRows.with_names(path, names or ["no objects"], split, what)
    for number, row in (pair for part in (head, rows) for pair in part):
        if isinstance(row, dict):
            collected.add(number, row)
        else:
            collected.add_fault(number, "one JSON object", f"{row!s:.120}")
    return collected.labels()


def _read_csv(path: Path, split: str) -> Labels:
    text = read_text(path)
    first = text.lstrip("\n").partition("\n")[0]
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # it is the whole process's; never less
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    names = next((row for row in rows if row), [])
    collected = LabelRows.with_names(path, names, split)
    number = rows.line_num + 1
    for row in rows:
        if len(row) > len(names):
            collected.add_fault(number, f"{len(names)} cells", f"{len(row)}")
        elif any(cell.strip() for cell in row):
            collected.add(number, dict(zip(names, row, strict=False)))
        number = rows.line_num + 1
    return collected.labels()


def _read_triples(path: Path, split: str) -> Labels:
    """Read MS MARCO's triples: query, positive and negative, parted by tabs, without a header and without quoting."""
    collected = LabelRows.with_names(path, _TRIPLE, split)
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        if len(cells) != len(_TRIPLE):
            expected = "a header with query, or the three texts query, positive and negative"
            collected.add_fault(number, expected, f"{len(cells)} cells")
        elif any(cell.strip().isdigit() for cell in cells):
            expected = "texts; ids and numbers need a header: query, document_id, score or clicks"
            collected.add_fault(number, expected, f"{line[:80]!r}")
        else:
            collected.add(number, dict(zip(_TRIPLE, cells, strict=True)))
    return collected.labels()


def _read_parquet(path: Path, split: str) -> Labels:
    return _collect_columns(path, partial(parquet_rows, path), split, "row")


def _collect_columns(path: Path, read: Callable[[Wanted], Iterator[dict[str, Any]]], split: str, what: str) -> Labels:
    """Build the labels of a file with columns, of which only those are read that labels have."""
    collected: list[LabelRows] = []

    def wanted(names: Sequence[str]) -> list[str]:
        if not collected:
            collected.append(LabelRows.with_names(path, names, split, what))
        return collected[0].column_names

    for number, row in enumerate(read(wanted), start=1):
        collected[0].add(number, row)
    return collected[0].labels()


_READERS: Mapping[str, Callable[[Path, str], Labels]] = {
    ".parquet": _read_parquet,
    ".json": _read_json,
    ".jsonl": _read_json,
}


def _read_saved(folder: Path) -> list[Labels]:
    """Read what ``datasets.Dataset.save_to_disk`` or ``DatasetDict.save_to_disk`` wrote."""
    return [
        _collect_columns(folder, partial(saved_rows, path), split_of(Path(name)), f"{name} row")
        for name, path in saved_splits(folder).items()
    ]


def _read_llama_index(path: Path) -> Labels:
    documents, queries, qrels = read_llama_index(path)
    judged = [query for query in queries if query.query_id in qrels]
    return Labels(path, "train", judged, qrels, "ids", {}, lambda: documents)


def _read_beir(folder: Path) -> list[Labels]:
    queries = {query.query_id: query for query in beir.read_queries(folder)}
    corpus = partial(beir.read_documents, folder) if beir.is_beir(folder) else None
    found = []
    for split, qrels in beir.read_splits(folder, queries).items():
        path = folder / "qrels" / f"{split}.tsv"
        found.append(Labels(path, split, [queries[name] for name in qrels], qrels, "ids", _lines_of(path), corpus))
    if not found:
        raise DataError.at(folder / "qrels", None, "train.tsv, dev.tsv or test.tsv", "none of them")
    return found


def _read_qrels(path: Path, split: str) -> Labels:
    """Read one file of judgements, with the queries and perhaps the corpus beside it or a folder above."""
    file = _beside(path, _QUERIES, split)
    if file is None:
        raise DataError.at(path, None, f"the queries of these judgements {_BESIDE}", "none")
    if file.suffix == ".jsonl":
        queries = {query.query_id: query for query in beir.read_queries(file.parent)}
    else:
        queries = {name: Query(name, text, "source") for name, _, text, *_ in _pairs(file)}
    qrels: Qrels = beir.read_qrels(path, queries)
    if not qrels:
        raise DataError.at(path, None, "rows with judgements", "none")
    place = _beside(path, _CORPUS, split)
    corpus = None
    if place is not None:
        corpus = partial(beir.read_documents, place.parent) if place.suffix == ".jsonl" else partial(_pairs, place)
    return Labels(path, split, [queries[name] for name in qrels], qrels, "ids", _lines_of(path), corpus)


def _beside(path: Path, patterns: Iterable[str], split: str) -> Path | None:
    """Return the file that lies nearest, of several in one folder that of the split."""
    for folder in (path.parent, path.resolve().parent.parent):
        for pattern in patterns:
            files = [file for file in sorted(folder.glob(pattern)) if file.is_file() and file != path]
            if files:
                return min(files, key=lambda file: split not in file.stem)
    return None


def _pairs(path: Path) -> Iterator[Document]:
    """Yield the rows of a file with an id and a text in each line, as MS MARCO's queries and collection are."""
    for number, line in numbered_lines(path):
        name, _, text = line.partition("\t")
        if not text.strip() or not beir.is_identifier(name):
            raise DataError.at(path, number, "an id and a text, parted by a tab", repr(line[:80]))
        yield Document(name, "", text.strip())


def _lines_of(path: Path) -> dict[str, int]:
    """Return the first line of each document that qrels name."""
    lines: dict[str, int] = {}
    for number, line in numbered_lines(path):
        lines.setdefault((line.split("\t") if line.count("\t") == 2 else line.split())[-2], number)
    return lines
