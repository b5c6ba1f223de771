"""Judgements of a corpus: which of them it has, queries that none answers, and identical texts in it.

Identical texts are one relevance class: no system can distinguish them, so that a judgement of one is a judgement of all. Every
member gets the highest grade that a query gave to any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from embedtune.errors import DataError
from embedtune.formats.lines import numbered_lines
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
