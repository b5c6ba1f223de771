"""Results as the page shows them: of a query typed in, and of an evaluated query under two systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedtune.retrieval.searcher import passages_by_unit
from embedtune.serving.comparison import Comparison
from embedtune.serving.excerpts import Excerpts
from embedtune.systems import BASE, TUNED, Pair, System, fused_kinds, main_pairs, pairs_to_compare
from embedtune.types import Passage, Query
from embedtune.ui.evaluations import Evaluation
from embedtune.ui.rendering import Shown, fill, place_of, shown

_MARKS = {"↑": "up", "↓": "down", "n": "up", "=": "same"}


def show_search(found: Mapping[str, Comparison]) -> str:
    """Return the HTML of the comparisons, by the name of their run."""
    return fill("search.html", runs=found, marks=_MARKS, place_of=place_of, shown=shown)


class Change(NamedTuple):
    """What a query's measure was by the reference and by the system, in [0, 1]."""

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


_SHOWN = 10
_WIDTH = 180


class Found(NamedTuple):
    """A passage or document in a list; no rank where the system did not find it as deep as ``eval`` looked."""

    rank: int | None
    relevant: bool
    passage: Shown


class FoundList(NamedTuple):
    """What a system found first, and relevant ones further down, or not found at all."""

    system: str
    value: float
    first: list[Found]
    below: list[Found]


class QueryViews:
    """Makes the views of one evaluation's queries."""

    def __init__(self, evaluation: Evaluation, passages: Sequence[Passage], excerpts: Excerpts) -> None:
        """Take the corpus that was searched."""
        self._evaluation = evaluation
        self._excerpts = excerpts
        self._units = passages_by_unit(passages, evaluation.queries.judged_unit)

    def show(self, change: Change, measure: str, system: str, reference: str) -> str:
        """Return the HTML of a query."""
        lists = [
            self.found(change.query.query_id, reference, change.before),
            self.found(change.query.query_id, system, change.after),
        ]
        return fill("query.html", query=change.query, measure=measure, gain=100 * change.gain, lists=lists)

    def found(self, query_id: str, system: str, value: float) -> FoundList:
        """Return a system's list for a query."""
        ranks = {name: rank for rank, name in enumerate(self._evaluation.ranking(system, query_id), start=1)}
        relevant = {name for name, grade in self._evaluation.queries.qrels[query_id].items() if grade > 0}
        query = self._evaluation.by_id[query_id].text
        first = list(ranks)[:_SHOWN]
        left = sorted(relevant.difference(first), key=lambda name: (ranks.get(name, len(ranks) + 1), name))
        shown_first, below = (
            [Found(ranks.get(name), name in relevant, self._shown(name, query)) for name in names]
            for names in (first, left)
        )
        return FoundList(system, value, shown_first, below)

    def _shown(self, name: str, query: str) -> Shown:
        """Return what to show of a passage; of a document the one in which most of the query's words stand.

        What is judged may have gone from the corpus; then its name is all there is.
        """
        found = [(passage, self._excerpts(passage.text, query, _WIDTH)) for passage in self._units.get(name, [])]
        if not found:
            return Shown(name, [], "")
        passage, excerpt = max(found, key=lambda each: len(each[1].matches))
        return shown(passage, excerpt)
