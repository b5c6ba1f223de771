"""Judging: which passage comes next, what was said of it, and how many queries are judged and needed.

Pooling (Spärck Jones & van Rijsbergen 1975; as in TREC, Voorhees & Harman 2005): the first passages of every system are put
together, and a person judges them without being told who found what.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock

from embedtune.documents.text_builder import one_line
from embedtune.errors import ConfigError, ResourceError
from embedtune.evaluation.measures import per_query
from embedtune.evaluation.resampling import guarded_errors, sum_by_cluster
from embedtune.evaluation.significance import queries_needed
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats import beir
from embedtune.formats.judgements import check_judged
from embedtune.project.manifest import sync
from embedtune.serving.excerpts import Excerpts
from embedtune.shown import without_commands
from embedtune.systems import main_pairs
from embedtune.text.hashing import content_id, hash_text
from embedtune.types import Passage, Qrels, Query, Run
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.views import Piece, fill, pieces_of, place_of

KIND = "typed"
"""How these queries were made: a person typed them."""

_SPLIT = "test"
_LOCK = ".lock"


class JudgementFolder:
    """Queries in the order in which they came, and grades by query id, on disk; the folder is made with the first query."""

    def __init__(self, folder: Path, passages: list[Passage]) -> None:
        """Open a folder, or one that is yet to be made, of judgements of these passages.

        Raises:
            DataError: If a file is malformed, or judges another corpus.
            ResourceError: If the folder cannot be read.
        """
        self.folder = folder
        self.queries: list[Query] = []
        self.qrels: Qrels = {}
        self._read()
        if self.qrels:
            check_judged(str(folder), self.qrels, [passage.passage_id for passage in passages])

    def ask(self, text: str) -> Query:
        """Note a query; one that is there already is returned as it is.

        Blanks at its ends, line breaks and characters that are no text are dropped. Raises ``ConfigError`` if nothing is left.
        """
        words = one_line(without_commands(text))
        if not words:
            raise ConfigError("query: expected words, found none")
        query = Query(content_id("q", words), words, KIND)
        with self._writing():
            same = [each for each in self.queries if each.text == words]
            if same:
                return same[0]
            self.queries.append(query)
            self._replace("queries.jsonl", lambda new: beir.write_queries(new, self.queries))
        return query

    def grade(self, query_id: str, passage_id: str, grade: int) -> None:
        """Write down a grade; an earlier one of the same passage is replaced."""
        with self._writing():
            self.qrels.setdefault(query_id, {})[passage_id] = grade
            self._write_qrels()

    def withdraw(self, query_id: str, passage_id: str) -> None:
        """Take a grade back."""
        with self._writing():
            self.qrels.get(query_id, {}).pop(passage_id, None)
            self.qrels = {name: grades for name, grades in self.qrels.items() if grades}
            self._write_qrels()

    def _write_qrels(self) -> None:
        self._replace(f"qrels/{_SPLIT}.tsv", lambda new: beir.write_qrels(new, _SPLIT, self.qrels))

    def _read(self) -> None:
        if (self.folder / "queries.jsonl").exists():
            self.queries = beir.read_queries(self.folder)
        if (self.folder / "qrels" / f"{_SPLIT}.tsv").exists():
            self.qrels = beir.read_qrels(self.folder / "qrels" / f"{_SPLIT}.tsv")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep other writers out, and see first what they wrote."""
        try:
            (self.folder / "qrels").mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / _LOCK):
                self._read()
                yield
        except OSError as error:
            if isinstance(error, ResourceError):
                raise
            raise ResourceError(
                f"{self.folder}: expected to write judgements there, found: {error}",
                hint="free disk space, or choose another folder with --judgements",
            ) from error

    def _replace(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a file to a temporary folder, and move it to its place once its bytes are safe."""
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as new:
            write(Path(new))
            sync(Path(new) / name)
            (Path(new) / name).replace(self.folder / name)
            sync((self.folder / name).parent)


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
    needed_for = ", ".join(f"{queries:,} to detect a gain of {100 * gain:g} points" for gain, queries in plan.items())
    by = "by how much the queries of the run's evaluation differ" if borrowed else "by how much these differ"
    return f"{said}About {needed_for} of nDCG@10 with 80 % power ({by})."


_STRETCHES = re.compile(r"\s+|\S+")


def show_task(task: Task, excerpts: Excerpts) -> str:
    """Return the HTML of a task; all white space of the text stays, for code and tables need it."""
    pieces: list[Piece] = []
    for stretch in _STRETCHES.findall(task.passage.text):
        marked = pieces_of(excerpts(stretch, task.query.text, width=len(stretch)))
        pieces += [Piece(stretch, False)] if stretch.isspace() else marked
    return fill("task.html", task=task, place=place_of(task.passage), pieces=pieces)


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
    """A person's judging of one corpus; what was skipped is asked again next time."""

    def __init__(
        self,
        runs: RunComparison,
        folder: JudgementFolder,
        *,
        expected: Sequence[float] = (),
        depth: int = DEPTH,
    ) -> None:
        """Begin, or go on where the folder ends.

        Until enough queries are judged, ``expected``, differences of nDCG@10 (tuned - base) in an evaluation, stand in.
        """
        self.folder = folder
        self._runs = runs
        self._expected = expected
        self._depth = depth
        self._passages = {passage.passage_id: passage for passage in runs.first.passages}
        self._lists: dict[tuple[str, int], dict[str, dict[str, float]]] = {}
        self._skipped: set[tuple[str, str]] = set()
        self._said: list[tuple[str, str]] = []
        self._wanted: str | None = None

    def ask(self, text: str) -> Task | None:
        """Add one query or several, one a line, and return what to judge first of them."""
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise ConfigError("queries: expected one a line, found none")
        queries = [self.folder.ask(line) for line in lines]
        self._wanted = queries[0].query_id
        return self.next()

    def next(self) -> Task | None:
        """Return the next passage, of the query at hand or else the first that has one; None when all is done."""
        first = [query for query in self.folder.queries if query.query_id == self._wanted]
        for query in [*first, *self.folder.queries]:
            lists = [list(found) for found in self._found(query).values()]
            names = pool(query.query_id, lists, self._depth)
            said = self.folder.qrels.get(query.query_id, {})
            for number, name in enumerate(names, start=1):
                if name not in said and (query.query_id, name) not in self._skipped:
                    self._wanted = query.query_id
                    return Task(query, self._passages[name], number, len(names))
        return None

    def say(self, query_id: str, passage_id: str, grade: int | None) -> Task | None:
        """Write down a grade, None skips the passage; return the next."""
        if grade is None:
            self._skipped.add((query_id, passage_id))
        else:
            self.folder.grade(query_id, passage_id, grade)
        self._said.append((query_id, passage_id))
        return self.next()

    def back(self) -> Task | None:
        """Take back what was said last and return it; the next if nothing was said yet."""
        if self._said:
            query_id, passage_id = self._said.pop()
            self._skipped.discard((query_id, passage_id))
            self.folder.withdraw(query_id, passage_id)
            self._wanted = query_id
        return self.next()

    def progress(self) -> str:
        """Say how many queries are judged and how many are needed."""
        judged = [query for query in self.folder.queries if query.query_id in self.folder.qrels]
        scores = []
        for name in main_pairs(self._runs.first.systems)[0]:
            run: Run = {query.query_id: self._found(query)[name] for query in judged}
            scores.append(per_query(self.folder.qrels, run)[PRIMARY])
        own = [scores[0][query.query_id] - scores[1][query.query_id] for query in judged]
        borrowed = len(own) < FEWEST
        return sentence(self.folder.qrels, needed(self._expected if borrowed else own), borrowed=borrowed)

    def _found(self, query: Query) -> dict[str, dict[str, float]]:
        """Return system → passage id → score of the first ten, best first; asked once for each query and set of runs."""
        key = (query.query_id, len(self._runs.opened))
        if key not in self._lists:
            lists = self._runs.lists(query.text, max(_LISTED, self._depth))
            self._lists[key] = {
                name: {hit.passage.passage_id: hit.score for hit in hits} for name, hits in lists.items()
            }
        return self._lists[key]
