"""The queries of an evaluation: the run's own test split, or sets that the user names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from embedtune.documents.reading import read_query_set
from embedtune.errors import ConfigError, DataError
from embedtune.records import Dataset, QuerySet
from embedtune.resources import find_query_set
from embedtune.stages.judgements import check_judged
from embedtune.stages.names import doubles


def find_query_sets(names: Sequence[str], dataset: Dataset) -> list[QuerySet]:
    """Return the named query sets, or the test split where none is named, as they were judged.

    Raises:
        ConfigError: If two sets have one name.
        DataError: If a set cannot be read or judges nothing in this corpus.
    """
    known = {passage.document_id for passage in dataset.passages}
    found = [read_judging(name, known) for name in names] if names else [_test_split(dataset)]
    if double := doubles([queries.name for queries in found]):
        raise ConfigError(
            f"--queries: expected sets with names of their own, found {', '.join(map(repr, double))} more than once",
            hint="query sets are named by their folder or file; rename one",
        )
    return found


def read_judging(name: str, known: Collection[str]) -> QuerySet:
    """Read queries that judge documents: a BEIR folder, a LlamaIndex JSON, or the name of a packaged set.

    Args:
        name: Where they are.
        known: Ids of the documents that there are.

    Raises:
        DataError: If they cannot be read or judge none of these documents.
    """
    path = Path(name)
    if not path.exists():
        path = find_query_set(name) or path
    queries = read_query_set(path)
    check_judged(str(path), queries.qrels, known)
    return queries


def _test_split(dataset: Dataset) -> QuerySet:
    queries = dataset.splits["test"]
    if not queries.queries:
        raise DataError("dataset: expected test queries, found none", hint="give your own with --queries")
    return queries
