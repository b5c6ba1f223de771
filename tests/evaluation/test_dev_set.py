from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.evaluation.dev_set import DevQuery, DevSet, Shown

WINDOWS = [
    ["tank water", "tank clean"],
    ["pump noise"],
    ["lamp red", "lamp blink", "lamp off"],
    ["pump oil"],
    ["filter"],
]
CORPUS = [Shown(" ".join(texts), texts) for texts in WINDOWS]
VOCABULARY = sorted({word for texts in WINDOWS for text in texts for word in text.split()})


class WordCounts:
    """Encodes a text as the unit vector of its words."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_queries(self, texts, report=None):
        self.encoded += texts
        if report:
            report(len(texts))
        return np.array([[text.split().count(word) for word in VOCABULARY] for text in texts], dtype=np.float32)

    def encode_documents(self, texts, report=None):
        unique = list(dict.fromkeys(texts))
        rows = self.encode_queries(unique, report)
        return rows[[unique.index(text) for text in texts]]


def query(text: str, *passages: int) -> DevQuery:
    """Return a query that meets its passages whole."""
    return DevQuery(text, {passage: CORPUS[passage] for passage in passages})


def make(*queries: DevQuery, max_windows: int = 100, seed: int = 0) -> DevSet:
    return DevSet(queries, CORPUS, max_windows=max_windows, seed=seed)


def test_passage_scores_as_its_best_window():
    scores = make(query("lamp blink off", 2), query("pump", 3)).dense_scores(WordCounts())
    assert scores.tolist() == [[0, 0, 2, 0, 0], [0, 1, 0, 1, 0]]


def test_reciprocal_rank_is_that_of_the_best_relevant_passage():
    some = make(query("lamp blink", 2), query("pump", 3), query("pump noise", 3), query("tank clean oil", 3, 4))
    # 1: found at once. 2: two passages tie, and ties do not push down. 3: the other pump passage has both words.
    # 4: passage 3 has one of the words, passage 0 has two
    assert some.reciprocal_ranks(some.dense_scores(WordCounts())).tolist() == [1.0, 1.0, 0.5, 0.5]


def test_query_meets_its_answer_without_its_source_and_all_others_whole():
    some = make(DevQuery("lamp blink", {2: Shown("lamp red", ["lamp red"])}), query("lamp blink off", 0))
    assert some.dense_scores(WordCounts()).tolist() == [[0, 0, 1, 0, 0], [0, 0, 2, 0, 0]]


def test_answer_as_it_is_met_scores_as_its_best_window():
    some = make(DevQuery("lamp blink", {2: Shown("red", ["red", "lamp off", "red"])}), query("lamp blink", 4))
    assert some.dense_scores(WordCounts()).tolist() == [[0, 0, 1, 0, 0], [0, 0, 2, 0, 0]]


def test_answer_without_its_source_may_lose_its_place():
    # whole, passage 1 has both words; without "noise" it has one, like passage 3, and without "pump" none
    met = [Shown(text, [text]) for text in ("pump noise", "pump", "red")]
    some = make(*(DevQuery("pump noise", {1: shown}) for shown in met))
    scores = some.dense_scores(WordCounts())
    assert scores.tolist() == [[0, 2, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 0, 1, 0]]
    assert some.reciprocal_ranks(scores).tolist() == [1.0, 1.0, 0.5]


def test_scores_given_are_left_as_they_were():
    some = make(DevQuery("lamp blink", {2: Shown("lamp red", ["lamp red"])}), query("tank", 0))
    given = np.arange(2 * 7, dtype=np.float32).reshape(2, 7)
    before = given.copy()
    # columns 5 and 6 are the answers as the two queries meet them
    assert some.lexical_scores(lambda passages, queries: given).tolist() == [[0, 1, 5, 3, 4], [13, 8, 9, 10, 11]]
    assert (given == before).all()


def test_lexical_search_is_asked_for_whole_passages_and_then_for_the_answers_as_they_are_met():
    asked = []

    def score(passages, queries):
        asked.append((list(passages), list(queries)))
        return np.zeros((len(queries), len(passages)), dtype=np.float32)

    some = make(DevQuery("lamp blink", {2: Shown("lamp red", ["lamp red"])}), query("tank", 0))
    assert some.lexical_scores(score).shape == (2, 5)
    whole = ["tank water tank clean", "pump noise", "lamp red lamp blink lamp off", "pump oil", "filter"]
    assert asked == [([*whole, "lamp red", whole[0]], ["lamp blink", "tank"])]


def test_lexical_scores_meet_the_same_texts():
    def common_words(passages, queries):
        counts = [[len(set(text.split()) & set(passage.split())) for passage in passages] for text in queries]
        return np.array(counts, dtype=np.float32)

    some = make(DevQuery("lamp blink off", {2: Shown("lamp red", ["lamp red"])}), query("lamp blink off", 0))
    assert some.lexical_scores(common_words).tolist() == [[0, 0, 1, 0, 0], [0, 0, 3, 0, 0]]


def test_several_answers_of_several_queries_are_put_in_their_places():
    nothing = Shown("", ["red"])
    some = make(DevQuery("pump", {1: nothing, 3: CORPUS[3]}), DevQuery("pump", {3: nothing}), query("pump", 1, 3))
    assert some.relevant == [[1, 3], [3], [1, 3]]
    assert some.dense_scores(WordCounts())[:, [1, 3]].tolist() == [[0, 1], [1, 0], [1, 1]]


def test_answers_are_in_whatever_the_limit():
    small = make(query("lamp", 2), query("tank", 0), max_windows=1)
    assert small.relevant == [[1], [0]]
    assert small.dense_scores(WordCounts()).tolist() == [[0, 1], [1, 0]]


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    limit=st.integers(1, 30),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_sample_holds_the_answers_and_as_many_others_as_the_limit_allows(sizes, limit, seed, data):
    corpus = [Shown(f"p{n}", [f"p{n} w{w}" for w in range(size)]) for n, size in enumerate(sizes)]
    answers = data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3))
    some = DevSet(
        [DevQuery("q", {number: Shown("met", ["met"])}) for number in answers], corpus, max_windows=limit, seed=seed
    )
    whole = some.windows[: -len(answers)]
    held = [int(name[1:]) for name in dict.fromkeys(window.split()[0] for window in whole)]
    assert some.windows[len(whole) :] == ["met"] * len(answers)
    assert whole == [window for number in held for window in corpus[number].windows]
    assert held == sorted(held)
    assert [held[column] for (column,) in some.relevant] == answers
    least = sum(sizes[number] for number in set(answers))
    assert len(whole) <= max(limit, least)
    # nothing is left out that would fit beside all the others
    assert len(held) == len(sizes) or len(whole) + max(sizes) > limit


@pytest.mark.parametrize("seed", range(6))
def test_sample_stays_within_the_limit(seed):
    some = make(query("pump", 1), max_windows=4, seed=seed)
    # the answer as the query meets it is not counted
    assert len(some.windows) - 1 <= 4
    assert len(some.windows) > 2
    assert "pump noise" in some.windows


def test_seed_decides_what_else_is_searched():
    samples = {seed: make(query("pump", 1), max_windows=3, seed=seed).windows for seed in range(8)}
    assert len({tuple(windows) for windows in samples.values()}) > 1
    assert make(query("pump", 1), max_windows=3, seed=5).windows == samples[5]


def test_every_text_is_encoded_once_and_reported():
    some, encoder, reported = make(query("pump", 1), query("lamp", 2)), WordCounts(), []
    some.dense_scores(encoder, reported.append)
    # eight different windows; the answers are met whole, so they add none
    assert some.n_encoded == len(encoder.encoded) == sum(reported) == 8 + 2
