"""Results as the page shows them: of a query typed in, and of an evaluated query under two systems."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.reports.rendering import cut, interval, number, p_value, points, score, visible
from embedtune.retrieval.searcher import passages_by_unit
from embedtune.serving.excerpts import Excerpt, Excerpts
from embedtune.systems import BASE, TUNED, Pair, System, fused_kinds, main_pairs, pairs_to_compare
from embedtune.types import PATH_SEPARATOR, Passage, Query
from embedtune.ui.evaluations import Evaluation

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST = 20_000  # characters of one text on the page


class Piece(NamedTuple):
    """A stretch of an excerpt, and whether it is a word that the query has too."""

    text: str
    match: bool


class Shown(NamedTuple):
    """A passage, or a document, as a template shows it: its file, heading path and page, an excerpt, and its text."""

    place: str
    pieces: list[Piece]
    text: str


def fill(name: str, **values: Any) -> str:
    """Fill a template of this package."""
    return _environment().get_template(name).render(values)


def shown(passage: Passage, excerpt: Excerpt) -> Shown:
    """Return what a template shows of a passage."""
    text = passage.text
    return Shown(place_of(passage), pieces_of(excerpt), text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def pieces_of(excerpt: Excerpt) -> list[Piece]:
    """Cut an excerpt into matching words and what stands between them."""
    pieces, end = [], 0
    for start, stop in excerpt.matches:
        pieces += [Piece(excerpt.text[end:start], False), Piece(excerpt.text[start:stop], True)]
        end = stop
    return [piece for piece in (*pieces, Piece(excerpt.text[end:], False)) if piece.text]


def place_of(passage: Passage) -> str:
    """Return where a passage stands: file, heading path and page."""
    titled = f"{PATH_SEPARATOR}{passage.title}" if passage.title else ""
    page = f", page {passage.page}" if passage.page is not None else ""
    return f"{passage.document_id}{titled}{page}"


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(_TEMPLATES), PackageLoader("embedtune.reports")]),  # the report's charts
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (cut, interval, number, p_value, points, score, size_in_words, time_left):
        environment.filters[function.__name__] = function
    return environment


def size_in_words(n_bytes: int) -> str:
    """Return a number of bytes as people read it.

    Examples:
        >>> size_in_words(1_234_567)
        '1.2 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            break
        n_bytes /= 1000  # type: ignore[assignment]
    return f"{n_bytes:.1f} {unit}" if unit != "B" else f"{n_bytes} B"


def time_left(seconds: float) -> str:
    """Return a duration as people read it.

    Examples:
        >>> time_left(7.2), time_left(200), time_left(9000)
        ('7 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


MARKS = {"↑": "up", "↓": "down", "n": "up", "=": "same"}
"""First character of a move → how it is coloured."""


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

    def lists(self, change: Change, system: str, reference: str) -> list[FoundList]:
        """Return what the reference and the system found for a query."""
        return [
            self.found(change.query.query_id, reference, change.before),
            self.found(change.query.query_id, system, change.after),
        ]

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
