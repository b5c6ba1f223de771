"""Judging: which passage comes next, what was said of it, and how many queries are judged and needed.

Pooling (Spärck Jones & van Rijsbergen 1975; as in TREC, Voorhees & Harman 2005): the first passages of every system are put
together, and a person judges them without being told who found what. Several people judge the same pools, each alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from embedtune.errors import ConfigError
from embedtune.evaluation.measures import per_query
from embedtune.evaluation.resampling import guarded_errors, sum_by_cluster
from embedtune.evaluation.significance import queries_needed
from embedtune.evaluation.verdict import PRIMARY
from embedtune.serving.excerpts import Excerpts
from embedtune.systems import main_pairs
from embedtune.text.hashing import hash_text
from embedtune.types import Passage, Qrels, Query, Run
from embedtune.ui.judgement_folder import UNNAMED, JudgementFolder
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.views import Piece, pieces_of

GAINS = (0.05, 0.02)
"""The gains of nDCG@10 that are planned for."""

FEWEST = 10
"""Judged queries whose own spread is believed; under it, that of the run's evaluation stands in."""


def count(qrels: Qrels) -> tuple[int, int]:
    """Return how many queries are judged, and how many of them without a relevant passage."""
    return len(qrels), sum(not any(grade > 0 for grade in grades.values()) for grades in qrels.values())


def needed(differences: Sequence[float]) -> dict[float, int] | None:
    """Return for each of ``GAINS`` how many queries detect it with 80 % power; None for too few differences (tuned - base).

    By ``significance.queries_needed``; queries are taken for independent, which those that people typed mostly are.
    """
    if len(differences) < FEWEST:
        return None
    error_of_one = float(guarded_errors(sum_by_cluster(np.asarray(differences)))[0]) * len(differences) ** 0.5
    return {gain: 1 + queries_needed(gain, error_of_one, 1) for gain in GAINS}


def sentence(qrels: Qrels, plan: dict[float, int] | None, *, borrowed: bool) -> str:
    """Say how many queries are judged and how many are needed, by the spread of these or, borrowed, of the run's evaluation."""
    judged, empty = count(qrels)
    said = f"{judged} quer{'y' if judged == 1 else 'ies'} judged"
    said += f", {empty} without a relevant passage. " if empty else ". "
    if plan is None:
        return f"{said}After {FEWEST}, the number needed can be estimated."
    needed_for = ", ".join(
        f"{queries:,} to detect a gain of {100 * gain:g} points ({max(0, queries - judged):,} more)"
        for gain, queries in plan.items()
    )
    by = "by how much the queries of the run's evaluation differ" if borrowed else "by how much these differ"
    return f"{said}About {needed_for} of nDCG@10 with 80 % power ({by})."


_STRETCHES = re.compile(r"\s+|\S+")


def marked_text(text: str, query: str, excerpts: Excerpts) -> list[Piece]:
    """Return a whole text with the query's words marked; all white space stays, for code and tables need it."""
    pieces: list[Piece] = []
    for stretch in _STRETCHES.findall(text):
        marked = pieces_of(excerpts(stretch, query, width=len(stretch)))
        pieces += [Piece(stretch, False)] if stretch.isspace() else marked
    return pieces


def pool(query_id: str, lists: Iterable[Sequence[str]], depth: int, *, seed: int = 0) -> list[str]:
    """Return the first ``depth`` passages of all lists (ids, best first), each once, in an order that tells nothing.

    The order is that of a hash of seed, query and passage: neither system nor rank has a part in it, and what a further system
    brings does not move the others.
    """
    found = {name for names in lists for name in names[:depth]}
    return sorted(found, key=lambda name: hash_text(str(seed), query_id, name))


DEPTH = 5
_LISTED = 10  # as deep as nDCG@10 looks


class Task(NamedTuple):
    """A passage to judge; ``number``, from 1, counts the passages of the query's pool."""

    query: Query
    passage: Passage
    number: int
    n_pooled: int


class Judging:
    """One person's judging of one corpus; what was skipped is asked again next time."""

    def __init__(
        self,
        runs: RunComparison,
        folder: JudgementFolder,
        *,
        judge: str = UNNAMED,
        expected: Sequence[float] = (),
        depth: int = DEPTH,
    ) -> None:
        """Begin, or go on where the folder ends for this judge.

        Until enough queries are judged, ``expected``, differences of nDCG@10 (tuned - base) in an evaluation, stand in.
        """
        self.folder = folder
        self.judge = judge
        self._runs = runs
        self._expected = expected
        self._depth = depth
        self._passages = {passage.passage_id: passage for passage in runs.first.passages}
        self._skipped: set[tuple[str, str]] = set()
        self._said: list[tuple[str, str]] = []
        self._wanted: str | None = None

    def ask(self, texts: Sequence[str]) -> Task | None:
        """Add queries, and return what to judge first of them."""
        if not texts:
            raise ConfigError("queries: expected one or more, found none")
        self._wanted = self.folder.ask_all(texts)[0].query_id
        return self.next()

    def next(self) -> Task | None:
        """Return the next passage, of the query at hand or else the first that has one; None when all is done."""
        first = [query for query in self.folder.queries if query.query_id == self._wanted]
        own = self.folder.by_judge.get(self.judge, {})
        for query in [*first, *self.folder.queries]:
            lists = [list(found) for found in self._found(query).values()]
            names = pool(query.query_id, lists, self._depth)
            said = own.get(query.query_id, {})
            for number, name in enumerate(names, start=1):
                if name not in said and (query.query_id, name) not in self._skipped:
                    self._wanted = query.query_id
                    return Task(query, self._passages[name], number, len(names))
        return None

    def say(self, query_id: str, passage_id: str, grade: int | None) -> Task | None:
        """Write down a grade, None skips the passage; return the next.

        Raises:
            ConfigError: If there is no such query or passage.
        """
        if passage_id not in self._passages or all(query.query_id != query_id for query in self.folder.queries):
            raise ConfigError(
                "expected a passage of this corpus and a query of this folder, found others; nothing was saved"
            )
        if grade is None:
            self._skipped.add((query_id, passage_id))
        else:
            self.folder.grade(query_id, passage_id, grade, self.judge)
        if (query_id, passage_id) not in self._said[-1:]:  # a click that came twice
            self._said.append((query_id, passage_id))
        return self.next()

    def back(self) -> Task | None:
        """Take back what was said last and return it; the next if nothing was said yet."""
        if self._said:
            query_id, passage_id = self._said.pop()
            self._skipped.discard((query_id, passage_id))
            self.folder.withdraw(query_id, passage_id, self.judge)
            self._wanted = query_id
        return self.next()

    def progress(self) -> str:
        """Say how many queries are judged and how many are needed."""
        qrels = self.folder.qrels
        judged = [query for query in self.folder.queries if query.query_id in qrels]
        scores = []
        for name in main_pairs(self._runs.first.systems)[0]:
            run: Run = {query.query_id: self._found(query)[name] for query in judged}
            scores.append(per_query(qrels, run)[PRIMARY])
        own = [scores[0][query.query_id] - scores[1][query.query_id] for query in judged]
        borrowed = len(own) < FEWEST
        return sentence(qrels, needed(self._expected if borrowed else own), borrowed=borrowed)

    def _found(self, query: Query) -> dict[str, dict[str, float]]:
        """Return system → passage id → score of the first ten, best first."""
        lists = self._runs.lists(query.text, max(_LISTED, self._depth))
        return {name: {hit.passage.passage_id: hit.score for hit in hits} for name, hits in lists.items()}
