"""Read what the user points at: a folder of text files, a BEIR folder, a LlamaIndex JSON or a packaged corpus."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from embedtune.documents import python_reference
from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.formats.llama_index_json import read_llama_index
from embedtune.records import Document, QuerySet, Skipped, Source

TEXT_SUFFIXES = (".txt", ".md", ".markdown")


def read_source(name: str) -> Source:
    """Read a source completely.

    Args:
        name: A folder of ``.txt`` and ``.md`` files, a BEIR folder, a LlamaIndex JSON file, or ``python-reference``.

    Raises:
        DataError: If there is no such thing, or it holds no text.
    """
    path = Path(name)
    if name == python_reference.NAME and not path.exists():
        return Source(name, python_reference.read_documents(), ready_made=False)
    if path.is_dir():
        source = _read_beir(path) if beir.is_beir(path) else _read_folder(path)
    elif path.suffix == ".json" and path.is_file():
        source = _read_llama_index(path)
    else:
        raise DataError.at(
            path,
            None,
            "a folder of text files, a BEIR folder, a LlamaIndex .json file or python-reference",
            "a file of another kind" if path.exists() else "nothing",
            hint=f"put {', '.join(TEXT_SUFFIXES)} files into a folder and give that folder",
        )
    if not source.documents:
        reasons = "; ".join(f"{skipped.document_id}: {skipped.reason}" for skipped in source.skipped[:3])
        raise DataError.at(path, None, "at least one document with text", reasons or "an empty folder")
    return source


def _read_folder(folder: Path) -> Source:
    documents: list[Document] = []
    skipped: list[Skipped] = []
    for path in _walk(folder):
        name = _printable(path.relative_to(folder).as_posix())
        read = _read_text(path, name)
        if isinstance(read, Document):
            documents.append(read)
        else:
            skipped.append(read)
    return Source(str(folder), documents, ready_made=False, skipped=skipped)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield files in a stable order; a folder that is not entered is yielded itself, as one thing to skip."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and _unreadable(path) is None:
            yield from _walk(path)
        else:
            yield path


def _read_text(path: Path, name: str) -> Document | Skipped:
    reason = _unreadable(path)
    if reason:
        return Skipped(name, reason)
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        return Skipped(name, f"not UTF-8: {error.reason} at byte {error.start}")
    except OSError as error:
        return Skipped(name, error.strerror or str(error))
    if "\0" in text:
        return Skipped(name, "not text: it holds NUL bytes")
    return Document(name, "", text) if text.strip() else Skipped(name, "empty")


def _printable(name: str) -> str:
    """Replace the bytes of a file name that are no UTF-8; the operating system allows them, our files do not."""
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in name)


def _unreadable(path: Path) -> str | None:
    """Tell why a file or folder is passed over, or None."""
    if path.name.startswith("."):
        return "hidden"
    if path.is_symlink():
        return "a symbolic link"
    if _printable(path.name) != path.name:
        return "its name is not UTF-8"
    if path.is_dir():
        return None if os.access(path, os.R_OK | os.X_OK) else "a folder without read permission"
    if not path.is_file():
        return "not a regular file"
    return None if path.suffix.lower() in TEXT_SUFFIXES else f"no reader for {path.suffix or 'files without a suffix'}"


def _read_beir(folder: Path) -> Source:
    documents, skipped = _drop_empty(beir.read_documents(folder))
    queries = {}
    if (folder / "queries.jsonl").is_file():
        texts = {query.query_id: query for query in beir.read_queries(folder)}
        for split, qrels in beir.read_splits(folder).items():
            unknown = [query_id for query_id in qrels if query_id not in texts]
            if unknown:
                raise DataError.at(
                    folder / "qrels" / f"{split}.tsv", None, "queries of queries.jsonl", repr(unknown[0])
                )
            queries[split] = QuerySet(folder.name, [texts[query_id] for query_id in qrels], qrels, "document")
    return Source(str(folder), documents, ready_made=True, skipped=skipped, queries=queries)


def _read_llama_index(path: Path) -> Source:
    """Its queries carry no split, so they count as training data; give the file to ``eval --queries`` to test on them."""
    documents, queries, qrels = read_llama_index(path)
    documents, skipped = _drop_empty(documents)
    judged = [query for query in queries if query.query_id in qrels]
    splits = {"train": QuerySet(path.name, judged, qrels, "document")} if judged else {}
    return Source(str(path), documents, ready_made=True, skipped=skipped, queries=splits)


def _drop_empty(documents: list[Document]) -> tuple[list[Document], list[Skipped]]:
    full = [document for document in documents if document.text.strip() or document.title]
    kept = {document.document_id for document in full}
    return full, [Skipped(document.document_id, "empty") for document in documents if document.document_id not in kept]


def read_query_set(path: Path, split: str = "test") -> QuerySet:
    """Read labelled queries to evaluate on: one split of a BEIR folder, or a LlamaIndex JSON; they judge documents.

    Raises:
        DataError: If there are no such queries.
    """
    if path.is_file():
        _, queries, qrels = read_llama_index(path)
        return QuerySet(path.name, [query for query in queries if query.query_id in qrels], qrels, "document")
    texts = {query.query_id: query for query in beir.read_queries(path)}
    qrels = beir.read_qrels(path / "qrels" / f"{split}.tsv")
    unknown = [query_id for query_id in qrels if query_id not in texts]
    if unknown or not qrels:
        raise DataError.at(
            path / "qrels" / f"{split}.tsv", None, "queries of queries.jsonl", repr(unknown[:1] or "no row")
        )
    return QuerySet(path.name, [texts[query_id] for query_id in qrels], qrels, "document")
