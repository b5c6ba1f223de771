from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.windows import (
    Windows,
    corpus_windows,
    passage_windows,
    relevant_passages,
    split_windows,
    windows_of,
)
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


WORDS = ["water", "tank", "coffee", "pump", "machine", "filter", "descaler", "thermostat", "(left)", "semi-automatic"]


def passage(text: str, title: str = "") -> Passage:
    return Passage("p", "d", title, text, 0, len(text))


def numbered_text(n_words: int) -> str:
    """Return words of which no three in a row come twice."""
    return " ".join(f"{WORDS[number % len(WORDS)]} {number:03d}" for number in range(n_words))


@given(
    n_words=st.integers(1, 150),
    title=st.sampled_from(["", "Tank", "Brava 3 › Tank"]),
    size=st.integers(16, 64),
    overlap=st.floats(0, 0.5),
)
def test_every_token_is_in_a_window_and_no_window_is_too_long(n_words, title, size, overlap, offsets):
    long = passage(numbered_text(n_words), title)
    windows = passage_windows(long, offsets, size, max(8, int(size * (1 - overlap))))
    assert [window for window in windows if len(offsets(window)) > size] == []
    head = f"{title}\n" if title else ""
    assert all(window.startswith(head) for window in windows)
    spans = []
    for window in windows:
        start = long.text.index(window.removeprefix(head))
        spans.append((start, start + len(window) - len(head)))
    lost = [(s, e) for s, e in offsets(long.text) if not any(first <= s and e <= last for first, last in spans)]
    assert lost == []
    assert spans == sorted(set(spans))


def test_passage_that_fits_is_one_window(offsets):
    assert passage_windows(passage("Fill the tank.", "Brava 3"), offsets, 16, 12) == ["Brava 3\nFill the tank."]


def test_passage_of_exactly_the_size_is_one_window(offsets):
    text = " ".join(["tank"] * 16)
    assert passage_windows(passage(text), offsets, 16, 12) == [text]
    assert len(passage_windows(passage(text + " tank"), offsets, 16, 12)) == 2


def test_windows_overlap_by_the_stride(offsets):
    text = " ".join(chr(97 + number) for number in range(26))
    assert len(offsets(text)) == 26
    assert passage_windows(passage(text), offsets, 16, 12) == [
        "a b c d e f g h i j k l m n o p",
        "m n o p q r s t u v w x y z",
    ]


def test_title_takes_room_from_each_window(offsets):
    text = " ".join(chr(97 + number) for number in range(26))
    windows = passage_windows(passage(text, "water tank"), offsets, 16, 14)
    assert windows == ["water tank\na b c d e f g h i j k l m n", "water tank\no p q r s t u v w x y z"]


def test_window_starts_at_the_start_of_a_word(offsets):
    text = "tank " * 11 + "antidisestablishmentarianism " + "pump " * 11
    # the twelfth word is eight tokens, 11 to 18; a stride of 14 falls into it
    assert len(offsets("antidisestablishmentarianism")) == 8
    second = passage_windows(passage(text.strip()), offsets, 20, 14)[1]
    assert second.startswith("antidisestablishmentarianism pump")


def test_windows_of_a_corpus_stand_in_order(offsets):
    passages = [passage(text) for text in ("Fill the tank.", "tank " * 20, "Rinse.", "pump " * 40)]
    windows = split_windows(passages, offsets, 16, 12)
    # tokens 0–16 and 12–20 of the second; 0–16, 12–28 and 24–40 of the last
    assert [len(windows.texts), *windows.starts.tolist()] == [7, 0, 1, 3, 4]
    assert windows.by_passage() == [passage_windows(one, offsets, 16, 12) for one in passages]


def test_passage_scores_as_its_best_window():
    windows = Windows(["a", "b", "c", "d"], np.array([0, 1, 3]))
    scores = np.array([[0.1, 0.5, 0.9, 0.2], [0.4, 0.3, -0.5, -1.0]], dtype=np.float32)
    assert windows.best(scores).tolist() == np.array([[0.1, 0.9, 0.2], [0.4, 0.3, -1.0]], dtype=np.float32).tolist()


def test_window_with_a_long_title_is_not_too_long(offsets):
    windows = passage_windows(passage("pump " * 60, "water tank " * 6), offsets, 16, 12)
    assert max(len(offsets(window)) for window in windows) <= 16
    # half of the window for the title, cut, and half for the text
    assert {window.split("\n")[0] for window in windows} == {" ".join(["water tank"] * 4)}
    assert [window.split("\n")[1] for window in windows[:-1]] == [" ".join(["pump"] * 8)] * (len(windows) - 1)
    assert sum(window.count("pump") for window in windows) == 60


@pytest.mark.parametrize("text", ["", "  "])
def test_title_without_text_longer_than_a_window_is_encoded(offsets, text):
    assert passage_windows(passage(text, "water tank " * 10), offsets, 16, 12) == [" ".join(["water tank"] * 8)]


@pytest.mark.parametrize("stride", [1, 5])
def test_small_stride_comes_to_an_end(offsets, stride):
    text = " ".join(f"antidisestablishmentarianism{number}" for number in range(10))
    windows = passage_windows(passage(text), offsets, 16, stride)
    starts = [text.index(window) for window in windows]
    assert len(windows) > 4
    assert starts == sorted(set(starts))
    assert all(
        start <= before + len(window) for before, window, start in zip(starts, windows, starts[1:], strict=False)
    )
    assert starts[-1] + len(windows[-1]) == len(text)
