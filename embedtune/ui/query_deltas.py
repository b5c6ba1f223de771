"""Which queries a system gained or lost most on, over all queries or one slice of them."""

from __future__ import annotations

from typing import NamedTuple

from embedtune.systems import BASE, TUNED, Pair, System, fused_kinds, main_pairs, pairs_to_compare
from embedtune.types import Query
from embedtune.ui.evaluations import Evaluation


class Change(NamedTuple):
    """What a query's measure was before and after.

    Attributes:
        query: The query.
        before: By the reference, in [0, 1].
        after: By the system, in [0, 1].
    """

    query: Query
    before: float
    after: float

    @property
    def gain(self) -> float:
        """``after`` - ``before``, in [-1, 1]."""
        return self.after - self.before


def changes(
    evaluation: Evaluation,
    measure: str,
    system: str = "tuned",
    reference: str = "base",
    *,
    by: str = "",
    label: str = "",
) -> list[Change]:
    """Return every query's change, those of one slice if ``by`` names a way to slice."""
    after, before = evaluation.values[system][measure], evaluation.values[reference][measure]
    labels = evaluation.labels[by] if by else {}
    return [
        Change(query, before[query.query_id], after[query.query_id])
        for query in evaluation.queries.queries
        if not by or labels[query.query_id] == label
    ]


def biggest(found: list[Change], n: int, *, losses: bool) -> list[Change]:
    """Return the n biggest gains, or losses, biggest first; equals by the query's text."""
    sign = -1 if losses else 1
    moved = [change for change in found if sign * change.gain > 0]
    return sorted(moved, key=lambda change: (-sign * change.gain, change.query.text))[:n]


def summary(found: list[Change]) -> str:
    """Say in a sentence how many queries rose, fell and stayed."""
    rose = sum(change.gain > 0 for change in found)
    fell = sum(change.gain < 0 for change in found)
    mean = 100 * sum(change.gain for change in found) / max(1, len(found))
    return (
        f"{len(found)} queries: {rose} gained, {fell} lost, {len(found) - rose - fell} equal; mean {mean:+.1f} points."
    )


def pairs(evaluation: Evaluation) -> list[Pair]:
    """Return the pairs of systems to choose from: the main ones first, then the gain of all steps together, then the others."""
    names = evaluation.values.keys()
    whole = [(str(System(kind.name, TUNED)), BASE) for kind in fused_kinds() if str(System(kind.name, TUNED)) in names]
    return list(dict.fromkeys([*main_pairs(names), *whole, *pairs_to_compare(names)]))
