"""Judgements against a corpus: which of them it holds, and texts that it holds more than once.

Identical texts are one relevance class: no system can tell them apart, so who judged one of them judged all. Every member gets
the highest grade that a query gave to any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from embedtune.errors import DataError
from embedtune.types import Passage, Qrels, QuerySet

_log = logging.getLogger("embedtune")


def check_judged(where: str, qrels: Qrels, known: Iterable[str]) -> None:
    """Hold what is judged against what is there; warn of what is missing, with its number and the first.

    Raises:
        DataError: If nothing that is judged is there.
    """
    held = set(known)
    judged = {name for grades in qrels.values() for name in grades}
    missing = sorted(judged - held)
    if not judged & held:
        some = f"such as {min(held)!r}" if held else "of which there are none"
        found = f"only others, such as {missing[:3]}" if missing else "no judgement"
        raise DataError(
            f"{where}: expected judgements of documents of this corpus, {some}, found {found}",
            hint="ids must be those of corpus.jsonl, or file names relative to the source folder",
        )
    if missing:
        _log.warning("%s: %d judged documents are not in this corpus, such as %r", where, len(missing), missing[0])


def identical_passages(passages: Sequence[Passage]) -> int:
    """Count the passages whose title and text an earlier one has already."""
    return len(passages) - len({passage.full_text for passage in passages})


def share_judgements(labelled: QuerySet, passages: Sequence[Passage]) -> QuerySet:
    """Give all identical passages or documents the highest grade of any; see above."""
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
    """Return for each unit that has a double all units of its class, itself included."""
    texts: dict[str, list[str]] = {}
    for passage in passages:
        texts.setdefault(passage.passage_id if judged_unit == "passage" else passage.document_id, []).append(
            passage.full_text
        )
    classes: dict[tuple[str, ...], list[str]] = {}
    for name, content in texts.items():
        classes.setdefault(tuple(content), []).append(name)
    return {name: names for names in classes.values() if len(names) > 1 for name in names}
