from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from embedtune.retrieval.corpus import corpus_windows, relevant_passages, windows_of
from embedtune.types import Passage, Query, QuerySet


def passages(*texts: str) -> list[Passage]:
    return [Passage(f"p{number}", f"d{number}", "", text, 0, len(text)) for number, text in enumerate(texts)]


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def encoder(window: int) -> SimpleNamespace:
    """Stand for an encoder whose tokens are words."""
    return SimpleNamespace(window=window, token_offsets=words)


@pytest.mark.parametrize(
    ("window", "tokens", "overlap", "expected"),
    [
        (100, 4, 0.5, ["a b c d", "c d e f", "e f g h"]),
        (4, 100, 0.5, ["a b c d", "c d e f", "e f g h"]),  # the model sees no more
        (100, 4, 0.0, ["a b c d", "e f g h"]),
        (100, 8, 0.9, ["a b c d e f g h"]),
        (100, 7, 0.99, ["a b c d e f g", "b c d e f g h"]),  # a step of one word at least
    ],
)
def test_windows_are_as_long_as_settings_and_model_allow(window, tokens, overlap, expected):
    assert corpus_windows(passages("a b c d e f g h"), encoder(window), tokens, overlap).texts == expected


def test_relevant_passages_are_those_with_a_grade_above_zero():
    qrels = {"q1": {"p2": 1, "p0": 3, "p1": 0}, "q2": {"p1": 1}, "q3": {"p0": 0, "p2": -1}}
    labelled = QuerySet("dev", [Query(name, "x", "span") for name in qrels], qrels, "passage")
    assert relevant_passages(labelled, passages("a", "b", "c")) == {"q1": [2, 0], "q2": [1], "q3": []}


def test_windows_on_demand_are_those_of_the_whole_and_made_once():
    given = passages("a b c d e f g h", "i", "j k l m n o")
    made = []

    def counted(text: str) -> list[tuple[int, int]]:
        made.append(text)
        return words(text)

    lazy = windows_of(given, SimpleNamespace(window=4, token_offsets=counted), 4, 0.5)
    assert made == []
    assert len(lazy) == 3
    assert lazy[-1] == lazy[2]
    n_made = len(made)
    assert lazy[2] == ["j k l m", "l m n o"]
    assert len(made) == n_made
    assert list(lazy) == lazy[:] == corpus_windows(given, encoder(4), 4, 0.5).by_passage()
    with pytest.raises(IndexError):
        lazy[3]
