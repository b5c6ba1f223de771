"""The queries that changed most between two systems, with marked excerpts of what each of them finds first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from math import log
from typing import NamedTuple

import regex

from embedtune.evaluation.measures import PerQuery
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats.run_files import ranked
from embedtune.reports.data import Example, ExamplePassage, Examples
from embedtune.retrieval.ranks import first_relevant
from embedtune.retrieval.searcher import passages_by_unit
from embedtune.text.marking import Analyse, shared_spans
from embedtune.types import Passage, QuerySet, Run

_BREAK = regex.compile(r"(?<=^|\n)([^\n|]{45,}+)\n(?=[\p{L}\"'(`])")  # a bar stands between the cells of a row
_LEAD = 200  # characters that may stand before the first shared word


class Piece(NamedTuple):
    """A stretch of text, and whether the query has these words too."""

    text: str
    shared: bool


def mark(text: str, terms: Collection[str], analyse: Analyse) -> list[Piece]:
    """Part a text into stretches that share index terms with a query and others; together they are the text.

    Blanks between two marked words are left unmarked; see ``marking.shared_spans``.
    """
    pieces, done = [], 0
    for start, end in shared_spans(text, terms, analyse):
        if start > done:
            pieces.append(Piece(text[done:start], shared=False))
        pieces.append(Piece(text[start:end], shared=True))
        done = end
    return [*pieces, Piece(text[done:], shared=False)] if done < len(text) else pieces


def excerpt(text: str, terms: Collection[str], analyse: Analyse, length: int) -> str:
    """Return a text, or of a longer one so many characters that begin where it begins to share words with the query."""
    if len(text) <= length:
        return text
    first, _ = next(shared_spans(text, terms, analyse), (0, 0))
    start = max(0, min(first - _LEAD, len(text) - length))
    start = 0 if start < _LEAD else text.find(" ", start, start + _LEAD) + 1 or start
    end = start + length
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"


def unwrapped(text: str) -> str:
    r"""Return a text whose long lines run on where they were broken to fit a page; short, indented and listed ones stay.

    Examples:
        >>> unwrapped("A" * 60 + "\nand on\n  x = 1")[58:]
        'AA and on\n  x = 1'
    """
    joined: str = _BREAK.sub(r"\1 ", text)
    return joined


def terms_of(text: str, analyse: Analyse) -> set[str]:
    """Return the different index terms of a text."""
    return set(analyse(text))


MOST = 10
"""Losses, and as many wins."""

_CHARACTERS = 700  # of a passage
_MOST_MEMBERS = 300  # passages of a document, among which the one to be shown is looked for
_NOWHERE = 10**9  # the rank of what is not found


def find_examples(
    pair: tuple[str, str],
    queries: QuerySet,
    runs: Mapping[str, Run],
    values: Mapping[str, PerQuery],
    passages: Sequence[Passage],
    analyse: Analyse,
) -> Examples:
    """Return the biggest losses and wins of a pair, system and reference, by the primary measure; of equal ones, by rank."""
    a, b = pair
    gains = {name: score - values[b][PRIMARY][name] for name, score in values[a][PRIMARY].items()}
    ranks = {
        name: tuple(first_relevant(grades, runs[system].get(name, {})) for system in pair)
        for name, grades in queries.qrels.items()
    }
    climbs = {name: (of_b or _NOWHERE) - (of_a or _NOWHERE) for name, (of_a, of_b) in ranks.items()}
    order = sorted(gains, key=lambda name: (gains[name], climbs[name]))
    losses = [name for name in order if gains[name] < 0][:MOST]
    wins = [name for name in reversed(order) if gains[name] > 0][:MOST]
    texts = {query.query_id: query for query in queries.queries}
    viewer = _PassageViewer(queries, passages, analyse)

    def example(name: str) -> Example:
        query = texts[name]
        found = [runs[system].get(name, {}) for system in pair]
        return Example(
            query_id=name,
            query=query.text,
            kind=query.kind,
            score_a=round(values[a][PRIMARY][name], 6),
            score_b=round(values[b][PRIMARY][name], 6),
            rank_a=ranks[name][0],
            rank_b=ranks[name][1],
            passages=viewer.first_passages(query.text, queries.qrels[name], pair, found),
        )

    return Examples(
        a=a,
        b=b,
        measure=PRIMARY,
        n_better=sum(gain > 0 for gain in gains.values()),
        n_worse=sum(gain < 0 for gain in gains.values()),
        n_same=sum(gain == 0 for gain in gains.values()),
        losses=[example(name) for name in losses],
        wins=[example(name) for name in wins],
    )


class _PassageViewer:
    def __init__(self, queries: QuerySet, passages: Sequence[Passage], analyse: Analyse) -> None:
        self._analyse = analyse
        self._members = passages_by_unit(passages, queries.judged_unit)

    def first_passages(
        self, query: str, grades: Mapping[str, int], pair: tuple[str, str], found: Sequence[Mapping[str, float]]
    ) -> list[ExamplePassage]:
        """Return what the reference finds first, what the system does, and a right one where neither is."""
        (first_a, first_b) = (next((unit for unit, _ in ranked(dict(scores))), None) for scores in found)
        shown = {f"First with {pair[1]}": first_b, f"First with {pair[0]}": first_a}
        if first_a == first_b:
            shown = {"First with both": first_a}
        if not any(unit is not None and grades.get(unit, 0) > 0 for unit in shown.values()):
            shown["A right one"] = _best_right(grades, found)
        terms = terms_of(query, self._analyse)
        return [
            self._passage(role, grades.get(unit, 0) > 0, unit, terms)
            for role, unit in shown.items()
            if unit is not None and unit in self._members
        ]

    def _passage(self, role: str, right: bool, unit: str, terms: set[str]) -> ExamplePassage:
        members = self._members[unit]
        passage = self._closest(members, terms) if members[1:] else members[0]
        text = excerpt(unwrapped(passage.text), terms, self._analyse, _CHARACTERS)
        return ExamplePassage(
            role=role,
            right=right,
            id=passage.passage_id,
            document=passage.document_id,
            title=passage.title,
            page=passage.page,
            pieces=list(mark(text, terms, self._analyse)),
        )

    def _closest(self, members: Sequence[Passage], terms: set[str]) -> Passage:
        """Return the passage of a document that shares most words with a query; those that few of its passages have count more.

        Of a document of very many passages the first are looked at.
        """
        looked_at = members[:_MOST_MEMBERS]
        shared = [terms & terms_of(passage.full_text, self._analyse) for passage in looked_at]
        counts = Counter(chain.from_iterable(shared))
        weights = [sum(log(1 + len(looked_at) / counts[term]) for term in sorted(each)) for each in shared]
        return looked_at[weights.index(max(weights))]


def _best_right(grades: Mapping[str, int], found: Sequence[Mapping[str, float]]) -> str | None:
    """Return the right unit that either run has at the highest rank, else the one with the highest grade."""
    right = [unit for unit, grade in grades.items() if grade > 0]
    for scores in found:
        if known := [unit for unit in right if unit in scores]:
            return max(known, key=lambda unit: (scores[unit], unit))
    return max(right, key=lambda unit: grades[unit], default=None)
