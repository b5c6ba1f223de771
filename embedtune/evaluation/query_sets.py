"""The queries of an evaluation: the run's own test split, or sets that the user names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from embedtune.dataset import Dataset
from embedtune.documents.labelled import judge_passages, judged_passages, with_labels
from embedtune.documents.reading import read_query_set
from embedtune.errors import ConfigError, DataError
from embedtune.formats.judgements import check_judged
from embedtune.formats.label_files import is_labels, read_labels
from embedtune.project.layout import doubles
from embedtune.resources import find_query_set
from embedtune.text.hashing import hash_json
from embedtune.types import Document, Passage, QuerySet, Source


def find_query_sets(names: Sequence[str], dataset: Dataset) -> list[QuerySet]:
    """Return the named query sets, or the test split where none is named, as they were judged.

    A set whose ids are those of the corpus's passages judges passages; any other judges documents.

    Raises:
        ConfigError: If two sets have one name.
        DataError: If a set cannot be read or judges nothing in this corpus.
    """
    if not names and not dataset.splits["test"].queries:
        raise DataError("dataset: expected test queries, found none", hint="give your own with --queries")
    found = [_linked(_locate(name), dataset.passages) for name in names] or [dataset.splits["test"]]
    if double := doubles([queries.name for queries in found]):
        raise ConfigError(
            f"--queries: expected sets with names of their own, found {', '.join(map(repr, double))} more than once",
            hint="query sets are named by their folder or file; rename one",
        )
    return found


def read_judging(name: str, known: Collection[str]) -> QuerySet:
    """Read queries that judge the known documents: a BEIR folder, a LlamaIndex JSON, or the name of a packaged set.

    Raises ``DataError`` if they cannot be read or judge none of these documents.
    """
    path = _locate(name)
    queries = read_query_set(path)
    check_judged(str(path), queries.qrels, known, path / "qrels" / "test.tsv")
    return queries


def _locate(name: str) -> Path:
    """Return where a set lies, of the packaged ones too."""
    path = Path(name)
    if path.name in ("", ".."):  # the folder gives the set its name
        path = path.resolve()
    return path if path.exists() else find_query_set(name) or path


def _linked(path: Path, passages: Sequence[Passage]) -> QuerySet:
    """Read a set and find out what it judges; of passages only those judgements are kept whose passage the corpus has."""
    if is_labels(path):
        return _labelled(path, passages)
    queries = read_query_set(path)
    documents, known = ({passage.document_id for passage in passages}, {passage.passage_id for passage in passages})
    judged = {name for grades in queries.qrels.values() for name in grades}
    by_document = bool(judged & documents or not judged & known)
    check_judged(str(path), queries.qrels, documents if by_document else known, path / "qrels" / "test.tsv")
    if by_document:
        return queries
    qrels = {
        query_id: there
        for query_id, grades in queries.qrels.items()
        if (there := {name: grade for name, grade in grades.items() if name in known})
    }
    kept = [query for query in queries.queries if query.query_id in qrels]
    return replace(queries, queries=kept, qrels=qrels, judged_unit="passage")


def _labelled(path: Path, passages: Sequence[Passage]) -> QuerySet:
    """Read a label file; of one with several splits the test queries."""
    parts = [Document(each.document_id, each.title, each.text, offset=each.start) for each in passages]
    source = with_labels(Source("the corpus", parts, ready_made=True), read_labels(path), adds=False)
    queries = source.queries.get("test") or next(iter(source.queries.values()))
    found = judge_passages(queries, judged_passages(passages, source.places))
    if not found.queries:
        raise DataError.at(path, None, "queries with an answer in this corpus", "none")
    return replace(found, name=path.name)


def hash_query_sets(query_sets: Sequence[QuerySet]) -> str:
    """Return the sha256 of names, queries and judgements, which identifies the queries of an evaluation."""
    return hash_json(
        [
            [queries.name, queries.judged_unit, [list(query) for query in queries.queries], queries.qrels]
            for queries in query_sets
        ]
    )
