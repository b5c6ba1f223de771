"""A dataset after its documents have changed: queries of what stayed are kept, and further ones drawn from what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from embedtune.config.settings import GenerateConfig
from embedtune.dataset import Dataset
from embedtune.documents.splits import Split, join_by_document
from embedtune.synthesis.query_sampler import PassagePool, build_pool, sample_queries
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.types import SPLITS, Passage, Qrels, QuerySet


class Updated(NamedTuple):
    """The dataset as it is now.

    Attributes:
        passages: All of them, in document order.
        splits: All queries.
        new: Passages that were not there before.
        dropped: Filter → further queries that it dropped.
    """

    passages: list[Passage]
    splits: dict[str, QuerySet]
    new: list[Passage]
    dropped: Mapping[str, int]


def update_dataset(before: Dataset, cut: Sequence[Passage], left: Collection[str], config: GenerateConfig) -> Updated:
    """Put passages in the place of those of some documents, and draw queries from those of them that are new.

    A passage whose document, title and text are as before keeps its queries, wherever it stands now. What else is new in a
    changed document stays in the document's split, or in train where the document is in several, and so does a copy of an
    earlier passage: a text that was trained on tests nothing.

    Args:
        before: The dataset until now; its test queries stay test queries.
        cut: Passages of the documents that are new or have changed.
        left: Ids of the documents that have changed or are gone.
        config: How the dataset was generated.
    """
    now = {_content(passage): passage for passage in cut}
    renamed = {
        old.passage_id: now[_content(old)].passage_id
        for old in before.passages
        if old.document_id in left and _content(old) in now
    }
    stayed = [passage for passage in before.passages if passage.document_id not in left]
    known = {passage.passage_id for passage in stayed} | set(renamed.values())
    new = [passage for passage in cut if passage.passage_id not in known]
    passages = sorted([*stayed, *cut], key=lambda passage: passage.document_id)
    names = {passage.passage_id: passage.passage_id for passage in stayed} | renamed
    splits = {name: _renamed(queries, names) for name, queries in before.splits.items()}
    if not new:
        return Updated(passages, splits, [], {})
    pool = _pool(before, passages, new, splits, config)
    for queries in splits.values():
        _share(queries.qrels, pool.copies)
    statistics = CorpusStatistics((passage.full_text for passage in passages), max_terms=config.max_terms)
    drawn, dropped = sample_queries(pool, statistics, config)
    asked = {query.text.casefold() for queries in splits.values() for query in queries.queries}
    for name in SPLITS:
        fresh = [query for query in drawn[name].queries if query.text.casefold() not in asked]
        splits[name].queries.extend(fresh)
        splits[name].qrels.update({query.query_id: drawn[name].qrels[query.query_id] for query in fresh})
    return Updated(passages, splits, new, dropped)


def _content(passage: Passage) -> tuple[str, str, str]:
    return passage.document_id, passage.title, passage.text


def _renamed(queries: QuerySet, names: Mapping[str, str]) -> QuerySet:
    """Return the queries that still have an answer, with the passages' names of now."""
    qrels = {
        query_id: {names[name]: grade for name, grade in grades.items() if name in names}
        for query_id, grades in queries.qrels.items()
    }
    qrels = {query_id: grades for query_id, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    kept = [query for query in queries.queries if query.query_id in qrels]
    return QuerySet(queries.name, kept, qrels, queries.judged_unit)


def _pool(
    before: Dataset,
    passages: Sequence[Passage],
    new: Sequence[Passage],
    splits: Mapping[str, QuerySet],
    config: GenerateConfig,
) -> PassagePool:
    """Return a pool in which all passages are searched, and only the new ones are in a split."""
    fresh = {passage.passage_id for passage in new}
    others = (passage for passage in passages if passage.passage_id not in fresh)
    shares = config.split.model_dump()
    pool = build_pool(new, join_by_document(new), others, shares=shares, seed=config.seed)
    copies = {passage.passage_id: [passage.passage_id] for passage in passages} | dict(pool.copies)
    of_passage = dict(pool.split.of_passage)
    of_document = _splits_of_documents(before)
    answered = {name: split for split in SPLITS for grades in splits[split].qrels.values() for name in grades}
    for passage in new:
        earlier = of_document.get(passage.document_id, set())
        earlier = earlier | {answered[name] for name in copies[passage.passage_id] if name in answered}
        if earlier:
            of_passage[passage.passage_id] = next(iter(earlier)) if len(earlier) == 1 else "train"
    return PassagePool(passages, pool.document_groups, copies, Split(of_passage, pool.split.unit))


def _splits_of_documents(dataset: Dataset) -> dict[str, set[str]]:
    """Return the splits in which a passage of each document answers a query."""
    document_of = {passage.passage_id: passage.document_id for passage in dataset.passages}
    found: dict[str, set[str]] = {}
    for split, queries in dataset.splits.items():
        for grades in queries.qrels.values():
            for name in grades:
                found.setdefault(document_of[name], set()).add(split)
    return found


def _share(qrels: Qrels, copies: Mapping[str, Sequence[str]]) -> None:
    """Let near-duplicates of an answer be answers too."""
    for grades in qrels.values():
        for name, grade in list(grades.items()):
            for copy in copies.get(name, ()):
                grades.setdefault(copy, grade)


def count_kinds(splits: Mapping[str, QuerySet]) -> dict[str, dict[str, int]]:
    """Return split → kind → number of queries."""
    return {name: dict(Counter(query.kind for query in splits[name].queries)) for name in SPLITS}
