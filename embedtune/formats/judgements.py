"""Judgements of a corpus: which of them it has, queries that none answers or that are passages themselves, and identical texts.

Identical texts are one relevance class: no system can distinguish them, so that a judgement of one is a judgement of all. Every
member gets the highest grade that a query gave to any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from embedtune.errors import DataError
from embedtune.formats.lines import numbered_lines
from embedtune.text.analyzer import lexical_terms
from embedtune.types import Passage, Qrels, QuerySet

_log = logging.getLogger("embedtune")
_MAX_NAMED = 3


def check_judged(where: str, qrels: Qrels, known: Iterable[str], file: Path | None = None) -> None:
    """Check that judged documents are in the corpus; log a warning with the number of missing ones and the first.

    Of a qrels ``file`` the lines that name them are told.

    Raises:
        DataError: If no judged document is in the corpus.
    """
    ids = set(known)
    judged = {name for grades in qrels.values() for name in grades}
    missing = sorted(judged - ids)
    if not judged & ids:
        some = f"such as {min(ids)!r}" if ids else "of which there are none"
        found = f"only others, such as {missing[:3]}" if missing else "no judgement"
        raise DataError(
            f"{where}: expected judgements of documents of this corpus, {some}, found {found}",
            hint="ids must be those of corpus.jsonl, or file names relative to the source folder",
        )
    if missing:
        some = _with_lines(file, missing) if file and file.is_file() else repr(missing[0])
        _log.warning("%s: %d judged documents are not in this corpus, such as %s", where, len(missing), some)


def _with_lines(file: Path, names: Iterable[str]) -> str:
    wanted, found = set(names), list[str]()
    for number, line in numbered_lines(file):
        name = (line.split("\t") if line.count("\t") == 2 else line.split())[-2]
        if name in wanted:
            wanted.remove(name)
            found.append(f"{name!r} (line {number})")
        if len(found) == _MAX_NAMED:
            break
    return ", ".join(found)


def with_answers(labelled: QuerySet, where: str = "") -> QuerySet:
    """Leave out the queries that are judged 0 or less alone: no search can answer them. One warning counts them."""
    left_out = [name for name, grades in labelled.qrels.items() if not any(grade > 0 for grade in grades.values())]
    if not left_out:
        return labelled
    words = "query has" if len(left_out) == 1 else "queries have"
    _log.warning(
        "%s: %d %s no positive judgement and cannot be measured, such as %r",
        where or labelled.name, len(left_out), words, left_out[0],
    )  # fmt: skip
    gone = set(left_out)
    return labelled.subset(query for query in labelled.queries if query.query_id not in gone)


def own_units(labelled: QuerySet, passages: Sequence[Passage]) -> dict[str, set[str]]:
    """Return query id → ids of the passages or documents that are the query itself: its text, or its id and all its words.

    They are left out of the query's own ranking, as BEIR's evaluation does by id alone (``ignore_identical_ids``), unless they
    are judged relevant to it. Where queries and documents are numbered, an id says nothing: in Cranfield 224 of 225 queries
    have that of a document. Queries that are no passage are not in the result.
    """
    by_text: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for query in labelled.queries:
        by_text.setdefault(_folded(query.text), []).append(query.query_id)
        texts[query.query_id] = query.text
    own: dict[str, set[str]] = {}
    for document_id, group in groupby(passages, key=lambda passage: passage.document_id):
        members = list(group)
        units = [members] if labelled.judged_unit == "document" else [[passage] for passage in members]
        for unit in units:
            name = document_id if labelled.judged_unit == "document" else unit[0].passage_id
            text = " ".join(passage.text for passage in unit)
            found = {*by_text.get(_folded(text), ()), *by_text.get(_folded(f"{unit[0].title} {text}"), ())}
            for same_id in {name, document_id if len(units) == 1 else name} & texts.keys():
                if {*lexical_terms(texts[same_id])} <= {*lexical_terms(f"{unit[0].title} {text}")}:
                    found.add(same_id)
            for query_id in found & labelled.qrels.keys():
                if labelled.qrels[query_id].get(name, 0) <= 0:
                    own.setdefault(query_id, set()).add(name)
    return own


def own_passages(labelled: QuerySet, passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Return the same as numbers of passages, with an empty list for queries that are no passage."""
    own = own_units(labelled, passages)
    members: dict[str, list[int]] = {}
    for number, passage in enumerate(passages if own else ()):
        unit = passage.passage_id if labelled.judged_unit == "passage" else passage.document_id
        members.setdefault(unit, []).append(number)
    return {query: [n for unit in own.get(query, ()) for n in members[unit]] for query in labelled.qrels}


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def identical_passages(passages: Sequence[Passage]) -> int:
    """Count the passages that repeat title and text of an earlier one."""
    return len(passages) - len({passage.full_text for passage in passages})


def share_judgements(labelled: QuerySet, passages: Sequence[Passage]) -> QuerySet:
    """Give all identical passages or documents the highest grade of any."""
    members = _identical_units(passages, labelled.judged_unit)
    qrels: Qrels = {}
    for query_id, judged in labelled.qrels.items():
        qrels[query_id] = dict(judged)
        for name in judged:
            for other in members.get(name, ()):
                grade = max(judged.get(one, judged[name]) for one in members[name])
                qrels[query_id][other] = grade
    return QuerySet(labelled.name, labelled.queries, qrels, labelled.judged_unit)


def _identical_units(passages: Sequence[Passage], judged_unit: str) -> dict[str, list[str]]:
    """Return the class of identical units, itself included, of each unit that has a copy."""
    texts: dict[str, list[str]] = {}
    for passage in passages:
        texts.setdefault(passage.passage_id if judged_unit == "passage" else passage.document_id, []).append(
            passage.full_text
        )
    classes: dict[tuple[str, ...], list[str]] = {}
    for name, content in texts.items():
        classes.setdefault(tuple(content), []).append(name)
    return {name: names for names in classes.values() if len(names) > 1 for name in names}
