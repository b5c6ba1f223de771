"""Queries that came with a source: from its documents to passages, and to the splits of the generated ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from embedtune.documents.splits import Split
from embedtune.formats.judgements import check_judged, share_judgements
from embedtune.text.hashing import fingerprint
from embedtune.types import Passage, Qrels, QuerySet, Source


def judged_documents(source: Source, splits: Sequence[str]) -> set[str]:
    """Return the ids of all documents that the source's judgements of these splits name."""
    labelled = (source.queries[name] for name in splits if name in source.queries)
    return {document for given in labelled for judged in given.qrels.values() for document in judged}


def with_labelled(
    queries: dict[str, QuerySet],
    source: Source,
    split: Split,
    splits: Sequence[str],
    *,
    passages: Sequence[Passage] | None,
    stream: Callable[[], Iterable[Passage]],
    example: str,
) -> dict[str, QuerySet]:
    """Add the queries that came with a source to synthetic ones; its test queries take the place of those for the test.

    Args:
        queries: By split.
        source: What was read; documents that its judgements name and that were not read drop out.
        split: Where each passage belongs. Without a dev split of the source, its train queries are dealt by this.
        splits: Which of the source's splits to take.
        passages: The corpus; None where it does not fit into memory.
        stream: Yields the corpus, each time from the start.
        example: A document of the corpus, to show in an error what its ids look like.

    Raises:
        DataError: If no judgement names a document of the corpus.
    """
    if not any(name in source.queries for name in splits):
        return queries
    if passages is None:
        passages = _judged_passages(judged_documents(source, splits), stream)
    labelled = _translate(source, passages, splits, example)
    test = labelled.pop("test", None)
    queries = _add_labelled(queries, labelled, split)
    return queries if test is None else {**queries, "test": test}


def _judged_passages(documents: Collection[str], stream: Callable[[], Iterable[Passage]]) -> list[Passage]:
    """Return the passages of some documents and those that are identical to one of them; all passages are seen twice."""
    texts = {fingerprint(passage.full_text) for passage in stream() if passage.document_id in documents}
    return [
        passage for passage in stream() if passage.document_id in documents or fingerprint(passage.full_text) in texts
    ]


def _translate(source: Source, passages: Sequence[Passage], splits: Sequence[str], example: str) -> dict[str, QuerySet]:
    """Translate a source's judgements from its documents to passages, of which the judged ones and their copies suffice."""
    of_document: dict[str, list[str]] = {}
    for passage in passages:
        of_document.setdefault(passage.document_id, []).append(passage.passage_id)
    translated = {}
    for name in splits:
        if name not in source.queries:
            continue
        if source.queries[name].queries:
            check_judged(f"{source.name}: qrels of {name}", source.queries[name].qrels, [*of_document, example])
        qrels: Qrels = {}
        for query_id, judged in source.queries[name].qrels.items():
            grades = {passage: grade for document, grade in judged.items() for passage in of_document.get(document, [])}
            if any(grade > 0 for grade in grades.values()):
                qrels[query_id] = grades
        kept = [query for query in source.queries[name].queries if query.query_id in qrels]
        translated[name] = share_judgements(QuerySet(name, kept, qrels, "passage"), passages)
    return translated


def _add_labelled(generated: dict[str, QuerySet], labelled: dict[str, QuerySet], split: Split) -> dict[str, QuerySet]:
    """Add the source's train and dev queries; without a dev split of its own, its train queries are split by document."""
    queries = {
        name: QuerySet(name, list(given.queries), dict(given.qrels), "passage") for name, given in generated.items()
    }
    if "dev" in labelled:
        queries["dev"] = labelled["dev"]
    elif labelled:
        queries["dev"] = QuerySet("dev", [], {}, "passage")
    for name, given in labelled.items():
        for query in given.queries:
            target = name if "dev" in labelled else _side(given.qrels[query.query_id], split)
            if target and query.query_id not in queries[target].qrels:
                queries[target].queries.append(query)
                queries[target].qrels[query.query_id] = given.qrels[query.query_id]
    return queries


def _side(judged: dict[str, int], split: Split) -> str | None:
    """Return the split of a labelled query: that of its relevant passages, or None where they lie on several sides."""
    sides = {split.of_passage.get(passage) for passage, grade in judged.items() if grade > 0}
    return sides.pop() if len(sides) == 1 else None
