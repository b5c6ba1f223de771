"""What the page offers to browse for what somebody chose there."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from embedtune.errors import DataError
from embedtune.evaluation.measures import MEASURES
from embedtune.evaluation.verdict import PRIMARY
from embedtune.ui.evaluations import Evaluation, read_evaluations, written
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.views import Change, FoundList, QueryViews, biggest, changes, pairs, summary

GAINS, LOSSES = "gains", "losses"
ALL = "all queries"
_MEASURES = [PRIMARY, *(measure for measure in MEASURES if measure != PRIMARY)]
_ROWS = 20
_LARGEST = 20  # labels of one way to slice that are offered
_FEWEST = 5  # queries of a slice that is worth a look of its own
_AGAINST = " against "


class Choice(NamedTuple):
    """What is chosen: ``tuned against base``, and ``all queries`` or a way to slice and a label (``kind: heading``)."""

    run: str = ""
    queries: str = ""
    pair: str = ""
    measure: str = PRIMARY
    slice: str = ALL
    side: str = GAINS


class Offer(NamedTuple):
    """What can be chosen, the choice with all its parts valid, and its biggest changes, each with what is read of it."""

    choice: Choice
    queries: list[str]
    pairs: list[str]
    measures: list[str]
    slices: list[str]
    rows: list[tuple[str, Change]]
    summary: str


class Browsing:
    """The evaluations of the open runs; each is read when it is first asked for, and again after ``eval`` wrote anew."""

    def __init__(self, runs: RunComparison) -> None:
        """Browse these runs."""
        self._runs = runs
        self._read: dict[tuple[str, str], dict[str, Evaluation]] = {}

    def offer(self, choice: Choice) -> Offer:
        """Return what there is for a choice.

        Raises:
            DataError: If the run has no evaluation to browse, see ``read_evaluations``, or one without two systems.
            IntegrityError: If it was changed since it was written.
        """
        run = _valid(choice.run, list(self._runs.opened))
        sets = self._evaluations(run)
        queries = _valid(choice.queries, list(sets))
        evaluation = sets[queries]
        known = [_AGAINST.join(pair) for pair in pairs(evaluation)]
        if not known:
            raise DataError(f"{run}: expected two systems to hold against each other, found {list(evaluation.values)}")
        slices = {ALL: ("", ""), **_slices(evaluation)}
        sound = Choice(
            run,
            queries,
            _valid(choice.pair, known),
            _valid(choice.measure, _MEASURES),
            _valid(choice.slice, list(slices)),
            _valid(choice.side, [GAINS, LOSSES]),
        )
        by, label = slices[sound.slice]
        found = changes(evaluation, sound.measure, *sound.pair.split(_AGAINST), by=by, label=label)
        rows = [
            (f"{100 * change.gain:+.0f}  {change.query.text}", change)
            for change in biggest(found, _ROWS, losses=sound.side == LOSSES)
        ]
        return Offer(sound, list(sets), known, _MEASURES, list(slices), rows, summary(found))

    def lists(self, offer: Offer, query_id: str) -> tuple[Change, list[FoundList]] | None:
        """Return a query's change and what both systems found; None for a query that the offer has not."""
        choice = offer.choice
        chosen = [change for _, change in offer.rows if change.query.query_id == query_id]
        if not chosen:
            return None
        views = QueryViews(
            self._evaluations(choice.run)[choice.queries], self._runs.first.passages, self._runs.excerpts
        )
        return chosen[0], views.lists(chosen[0], *choice.pair.split(_AGAINST))

    def differences(self) -> list[float]:
        """Return nDCG@10, tuned - base, of the queries of the first run's evaluation; none where there is no such thing."""
        try:
            name, *_ = self._runs.opened
            evaluation, *_ = self._evaluations(name).values()
            return [change.gain for change in changes(evaluation, PRIMARY)]
        except (DataError, KeyError):
            return []

    def _evaluations(self, run: str) -> dict[str, Evaluation]:
        folder = self._runs.opened[run].folder
        key = (run, written(folder))
        if key not in self._read:
            self._read[key] = read_evaluations(folder)
        return self._read[key]


def _valid(wanted: str, known: list[str]) -> str:
    return wanted if wanted in known else known[0]


def _slices(evaluation: Evaluation) -> dict[str, tuple[str, str]]:
    """Return the slices by the name that is offered; a label that all queries share is none, nor is one that few have."""
    found: dict[str, tuple[str, str]] = {}
    for by, labels in evaluation.labels.items():
        counts = Counter(labels.values())
        if len(counts) > 1:
            most = counts.most_common(_LARGEST)
            found |= {f"{by}: {label} ({n})": (by, label) for label, n in most if label and n >= _FEWEST}
    return found
