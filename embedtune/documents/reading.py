"""Read a source: a folder of documents, a BEIR folder, a LlamaIndex JSON or a packaged corpus."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from embedtune.documents.buffer import DocumentBuffer
from embedtune.documents.encoded_data import read_ones
from embedtune.documents.headings import find_sections
from embedtune.documents.labelled import read_corpus, with_labels
from embedtune.documents.readers import no_reader, readers
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.readers.text import is_large_text, read_large_text
from embedtune.documents.sandboxes import Sandboxes
from embedtune.errors import DataError, missing_path
from embedtune.formats import beir
from embedtune.formats.judgements import with_answers
from embedtune.formats.label_files import LABEL_SUFFIXES, is_labels, read_labels, recognise
from embedtune.formats.llama_index import read_llama_index
from embedtune.progress import track
from embedtune.project.layout import DATASET
from embedtune.project.manifest import is_run
from embedtune.regular import DEEPEST, is_too_deep
from embedtune.text.hashing import hash_rows
from embedtune.types import Document, Note, Qrels, Query, QuerySet, Skipped, Source

_HIDDEN = "hidden"
_GIVEN = "given as labels"
_MAX_NAMED = 20


def read_source(
    name: str,
    *,
    labels: Sequence[str] = (),
    limits: ReadingLimits | None = None,
    strict: bool = False,
    scratch: Path | None = None,
    only: Collection[str] | None = None,
) -> Source:
    """Read a source completely.

    Args:
        name: A folder of documents (see ``readers.readers``), a BEIR folder, a LlamaIndex JSON file, a label file or a folder
            of them (``formats.label_files``), whose texts are the corpus, or ``python-reference``.
        labels: Label files for these documents; see ``labelled.with_labels``.
        limits: Limits for each file of a folder; None takes the defaults.
        strict: Raise an error if any file that is not hidden must be skipped.
        scratch: Folder for temporary files of large sources; see ``DocumentBuffer``.
        only: Names of the files of a folder that are read, any number, below the folder; None reads all.

    Raises:
        DataError: If there is no such source, it has no text, or ``strict`` forbids what was skipped.
    """
    source = _read(name, limits or ReadingLimits(), scratch, {Path(path).resolve() for path in labels}, only)
    unread = [skipped for skipped in source.skipped if skipped.reason not in (_HIDDEN, _GIVEN)]
    if strict and unread:
        lines = [f"  {name}: {reason}" for name, reason in unread[:_MAX_NAMED]]
        lines += [f"  and {len(unread) - _MAX_NAMED} more"] * (len(unread) > _MAX_NAMED)
        raise DataError(
            f"{source.name}: expected to read every file, as strict asks, found {len(unread)} that cannot be read\n"
            + "\n".join(lines),
            hint="mend or remove these files, or leave strict out",
        )
    if len(source.documents) == 0 and only is None:
        reasons = "; ".join(f"{skipped.document_id}: {skipped.reason}" for skipped in source.skipped[:3])
        raise DataError.at(Path(name), None, "at least one document with text", reasons or "an empty folder")
    if labels:
        source = with_labels(source, [each for path in labels for each in read_labels(Path(path))], scratch)
    return source


class Survey(NamedTuple):
    """Hash and size of a source."""

    hash: str  # of its documents, skipped files and queries
    n_chars: int  # characters of its documents
    n_bytes: int  # the same in UTF-8


def survey(source: Source) -> Survey:
    """Hash and measure what was read, in one pass."""
    n_chars = n_bytes = 0

    def rows() -> Iterator[object]:
        nonlocal n_chars, n_bytes
        for document in source.documents:
            n_chars += len(document.text)
            n_bytes += len(document.text.encode("utf-8", "replace"))
            yield document
        yield source.skipped
        for split, labels in source.queries.items():
            yield from ([split, *query, sorted(labels.qrels[query.query_id].items())] for query in labels.queries)
        yield from sorted(source.places.items())

    return Survey(hash_rows(rows()), n_chars, n_bytes)


def _read(
    name: str,
    limits: ReadingLimits,
    scratch: Path | None,
    labels: Collection[Path],
    only: Collection[str] | None,
) -> Source:
    path = Path(name)
    if name == PYTHON_REFERENCE and not path.exists():
        return Source(name, read_python_reference(), ready_made=False)
    if path.is_dir() and beir.is_beir(path):
        return _read_beir(path, scratch)
    if path.is_dir() and is_run(path):
        raise DataError.at(
            path,
            None,
            "documents",
            "a run folder of embedtune",
            hint=f"its passages and queries are in {path / DATASET}",
        )
    if path.is_dir() and not is_labels(path):
        return _read_folder(path, limits, scratch, labels, only)
    if path.suffix == ".json" and path.is_file() and not is_labels(path):
        return _read_llama_index(path)
    if path.is_dir() or (path.suffix.lower() in LABEL_SUFFIXES and path.is_file()):
        return read_corpus(name, read_labels(path), scratch)
    raise DataError.at(
        path,
        None,
        "a folder of documents, a BEIR folder, a label file, a LlamaIndex .json file or python-reference",
        "a file of another kind" if path.exists() else f"nothing{missing_path(path)}",
        hint=f"put documents ({' '.join(readers())}) into a folder and give that folder",
    )


def _read_folder(
    folder: Path,
    limits: ReadingLimits,
    scratch: Path | None,
    labels: Collection[Path],
    only: Collection[str] | None,
) -> Source:
    skipped, notes = list[Skipped](), list[Note]()
    documents = DocumentBuffer(read_ones(_files(folder, limits, labels, only), skipped, notes), scratch)
    return Source(str(folder), documents, ready_made=False, skipped=skipped, notes=notes)


def _files(
    folder: Path, limits: ReadingLimits, labels: Collection[Path], only: Collection[str] | None
) -> Iterator[Document | Skipped]:
    def wanted() -> Iterator[Path]:
        return (path for path in walk(folder) if only is None or path.relative_to(folder).as_posix() in only)

    total = sum(1 for _ in wanted())
    with Sandboxes(limits) as sandboxes, track("read", total) as on_progress:

        def begin(path: Path) -> Callable[[], Iterable[Document | Skipped]]:
            name = _printable(path.relative_to(folder).as_posix())
            reason = unreadable(path)
            if labels and path.resolve() in labels:
                reason = _GIVEN
            elif reason in (None, no_reader(path)) and (held := recognise(path)):
                reason = f"{held}, no document; give the file with --labels"
            if reason is not None:
                skipped = Skipped(name, reason)
                return lambda: [skipped]
            if is_large_text(path, limits):
                return lambda: read_large_text(path, name, limits)
            read = sandboxes.read(path, name)
            return lambda: [read()]

        for results in sandboxes.in_order(begin, wanted()):
            yield from results
            on_progress(1)


def walk(folder: Path) -> Iterator[Path]:
    """Yield files in a stable order; a folder that is not entered is yielded itself, to be skipped."""
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - a million names are smaller than a million paths
        path = folder / name
        if path.is_dir() and unreadable(path) is None:
            yield from walk(path)
        else:
            yield path


def _printable(name: str) -> str:
    """Replace the bytes of a file name that are no UTF-8; the operating system allows them, our files do not."""
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in name)


def unreadable(path: Path) -> str | None:
    """Return why a file or folder is skipped, or None."""
    if path.name.startswith("."):
        return _HIDDEN
    if path.is_symlink():
        return "a symbolic link"
    if _printable(path.name) != path.name:
        return "its name is not UTF-8"
    if path.is_dir():
        return _unreadable_folder(path)
    if not path.is_file():
        return "not a regular file"
    return no_reader(path)


def _unreadable_folder(path: Path) -> str | None:
    if is_run(path):
        return "a run folder of embedtune"
    if is_too_deep(path):
        return f"more than {DEEPEST} folders within one another"
    return None if os.access(path, os.R_OK | os.X_OK) else "a folder without read permission"


def _read_beir(folder: Path, scratch: Path | None) -> Source:
    skipped, notes = list[Skipped](), list[Note]()
    documents = DocumentBuffer(read_ones(_empty_ones_skipped(beir.read_documents(folder)), skipped, notes), scratch)
    queries = {}
    if (folder / "queries.jsonl").is_file():
        texts = beir.read_queries(folder)
        splits = beir.read_splits(folder, {query.query_id for query in texts})
        queries = {split: _judged(folder, split, texts, qrels) for split, qrels in splits.items()}
    return Source(str(folder), documents, ready_made=True, skipped=skipped, notes=notes, queries=queries)


def _read_llama_index(path: Path) -> Source:
    """Its queries carry no split, so they count as training data; give the file to ``eval --queries`` to test on them."""
    documents, queries, qrels = read_llama_index(path)
    skipped, notes = list[Skipped](), list[Note]()
    documents = list(read_ones(_empty_ones_skipped(documents), skipped, notes))
    judged = [query for query in queries if query.query_id in qrels]
    splits = {"train": with_answers(QuerySet(path.name, judged, qrels, "document"))} if judged else {}
    return Source(str(path), documents, ready_made=True, skipped=skipped, notes=notes, queries=splits)


def _empty_ones_skipped(documents: Iterable[Document]) -> Iterator[Document | Skipped]:
    for document in documents:
        yield document if document.text.strip() or document.title else Skipped(document.document_id, "empty")


def read_query_set(path: Path, split: str = "test") -> QuerySet:
    """Read labelled queries to evaluate on: one split of a BEIR folder, or a LlamaIndex JSON; they judge documents.

    Raises ``DataError`` if there are no such queries.
    """
    if path.is_file():
        _, queries, qrels = read_llama_index(path)
        return with_answers(
            QuerySet(path.name, [query for query in queries if query.query_id in qrels], qrels, "document")
        )
    texts, file = beir.read_queries(path), path / "qrels" / f"{split}.tsv"
    qrels = beir.read_qrels(file, {query.query_id for query in texts})
    if not qrels:
        raise DataError.at(file, None, "queries of queries.jsonl", repr("no row"))
    judged = _judged(path, split, texts, qrels)
    if not judged.queries:
        raise DataError.at(file, None, "a query with a grade above 0", "none")
    return judged


def _judged(folder: Path, split: str, queries: Iterable[Query], qrels: Qrels) -> QuerySet:
    """Return the judged queries of a split that have an answer, in the order of the qrels."""
    by_id = {query.query_id: query for query in queries}
    judged = QuerySet(folder.name, [by_id[query_id] for query_id in qrels], qrels, "document")
    return with_answers(judged, str(folder / "qrels" / f"{split}.tsv"))


PYTHON_REFERENCE = "python-reference"


def read_python_reference() -> list[Document]:
    """Return one document for each topic of ``pydoc_data.topics``; the topic's name is its id.

    The text is the one of the running Python, so it differs a little between versions of Python.
    """
    from pydoc_data.topics import topics

    texts = {name: text.strip() + "\n" for name, text in sorted(topics.items())}
    return [Document(name, "", text, tuple(find_sections(text))) for name, text in texts.items()]
