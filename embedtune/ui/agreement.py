"""How far judges agree: the share of passages that two judged alike, and Cohen's kappa (1960), which takes chance out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from statistics import median_low
from typing import NamedTuple

from embedtune.types import Qrels


class Agreement(NamedTuple):
    """Two judges; ``n``: passages that both judged; ``share``: alike, 0 to 1; ``kappa``: None where chance alone decides."""

    judges: tuple[str, str]
    n: int
    share: float
    kappa: float | None


def agreements(by_judge: Mapping[str, Qrels]) -> list[Agreement]:
    """Return the agreement of each two judges who judged a passage both; a grade above 0 is relevant."""
    found = []
    for first, second in combinations(sorted(by_judge), 2):
        mine, theirs = _relevant(by_judge[first]), _relevant(by_judge[second])
        both = [(mine[key], theirs[key]) for key in mine.keys() & theirs.keys()]
        if both:
            share = sum(a == b for a, b in both) / len(both)
            found.append(Agreement((first, second), len(both), share, _kappa(both, share)))
    return found


def _kappa(both: list[tuple[bool, bool]], share: float) -> float | None:
    first, second = (sum(pair[side] for pair in both) / len(both) for side in (0, 1))
    chance = first * second + (1 - first) * (1 - second)
    return None if chance == 1 else (share - chance) / (1 - chance)


def _relevant(qrels: Qrels) -> dict[tuple[str, str], bool]:
    return {(query, passage): grade > 0 for query, grades in qrels.items() for passage, grade in grades.items()}


def consensus(by_judge: Mapping[str, Qrels]) -> Qrels:
    """Return one grade for each judged passage: the median of its grades, the lower one where two are in the middle.

    So a passage is relevant if most judges say so, and in a tie it is not.
    """
    grades: dict[str, dict[str, list[int]]] = {}
    for qrels in by_judge.values():
        for query, judged in qrels.items():
            for passage, grade in judged.items():
                grades.setdefault(query, {}).setdefault(passage, []).append(grade)
    return {
        query: {passage: median_low(values) for passage, values in judged.items()} for query, judged in grades.items()
    }


def disputed(by_judge: Mapping[str, Qrels]) -> int:
    """Return how many passages one judge found relevant and another not."""
    said: dict[tuple[str, str], set[bool]] = {}
    for qrels in by_judge.values():
        for key, relevant in _relevant(qrels).items():
            said.setdefault(key, set()).add(relevant)
    return sum(len(values) > 1 for values in said.values())
