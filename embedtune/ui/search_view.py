"""What the systems find for a query, as the page shows it: a column for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from embedtune.serving.comparison import Comparison, Moved
from embedtune.ui.rendering import Shown, fill, place_of, shown

_KINDS = {"↑": "up", "↓": "down", "n": "up", "=": "same"}


class Row(NamedTuple):
    """A passage in a column.

    Attributes:
        rank: From 1.
        move: As ``compare`` marks it.
        kind: ``up``, ``down``, ``same``, or empty without a mark.
        passage: What is shown of it.
    """

    rank: int
    move: str
    kind: str
    passage: Shown


class Column(NamedTuple):
    """The list of one system.

    Attributes:
        system: Its name.
        chosen: Whether the run's verdict names it.
        rows: Best first.
        gone: Places of the passages that the base has among its first and this list has not.
    """

    system: str
    chosen: bool
    rows: list[Row]
    gone: list[str]


def show_search(found: Mapping[str, Comparison]) -> str:
    """Return the HTML of the comparisons, by the name of their run."""
    return fill("search.html", runs={name: columns(each) for name, each in found.items()}, several=len(found) > 1)


def columns(found: Comparison) -> list[Column]:
    """Return a comparison's columns."""
    return [
        Column(
            system,
            system == found.chosen,
            [_row(moved, found) for moved in hits],
            [place_of(passage) for passage in found.gone[system]],
        )
        for system, hits in found.systems.items()
    ]


def _row(moved: Moved, found: Comparison) -> Row:
    passage = moved.hit.passage
    text = shown(place_of(passage), passage.text, found.excerpts[passage.passage_id])
    return Row(moved.hit.rank, moved.move, _KINDS.get(moved.move[:1], ""), text)
