from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.dataset import Dataset
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.training.dev_set import (
    DevQuery,
    DevSet,
    SearchedPassage,
    build_dev_set,
    choose_fusion_weight,
    select_on_dev,
)
from embedtune.types import Passage, Query, QuerySet

WINDOWS = [
    ["tank water", "tank clean"],
    ["pump noise"],
    ["lamp red", "lamp blink", "lamp off"],
    ["pump oil"],
    ["filter"],
]
CORPUS = [SearchedPassage(" ".join(texts), texts) for texts in WINDOWS]
VOCABULARY = sorted({word for texts in WINDOWS for text in texts for word in text.split()})


class WordCounts:
    """Encodes a text as the unit vector of its words."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_queries(self, texts, on_progress=None):
        self.encoded += texts
        if on_progress:
            on_progress(len(texts))
        return np.array([[text.split().count(word) for word in VOCABULARY] for text in texts], dtype=np.float32)

    def encode_documents(self, texts, on_progress=None):
        unique = list(dict.fromkeys(texts))
        rows = self.encode_queries(unique, on_progress)
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
    some = make(DevQuery("lamp blink", {2: SearchedPassage("lamp red", ["lamp red"])}), query("lamp blink off", 0))
    assert some.dense_scores(WordCounts()).tolist() == [[0, 0, 1, 0, 0], [0, 0, 2, 0, 0]]


def test_answer_as_it_is_met_scores_as_its_best_window():
    some = make(DevQuery("lamp blink", {2: SearchedPassage("red", ["red", "lamp off", "red"])}), query("lamp blink", 4))
    assert some.dense_scores(WordCounts()).tolist() == [[0, 0, 1, 0, 0], [0, 0, 2, 0, 0]]


def test_answer_without_its_source_may_lose_its_place():
    # whole, passage 1 has both words; without "noise" it has one, like passage 3, and without "pump" none
    met = [SearchedPassage(text, [text]) for text in ("pump noise", "pump", "red")]
    some = make(*(DevQuery("pump noise", {1: shown}) for shown in met))
    scores = some.dense_scores(WordCounts())
    assert scores.tolist() == [[0, 2, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 0, 1, 0]]
    assert some.reciprocal_ranks(scores).tolist() == [1.0, 1.0, 0.5]


def test_scores_given_are_left_as_they_were():
    some = make(DevQuery("lamp blink", {2: SearchedPassage("lamp red", ["lamp red"])}), query("tank", 0))
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

    some = make(DevQuery("lamp blink", {2: SearchedPassage("lamp red", ["lamp red"])}), query("tank", 0))
    assert some.lexical_scores(score).shape == (2, 5)
    whole = ["tank water tank clean", "pump noise", "lamp red lamp blink lamp off", "pump oil", "filter"]
    assert asked == [([*whole, "lamp red", whole[0]], ["lamp blink", "tank"])]


def test_lexical_scores_meet_the_same_texts():
    def common_words(passages, queries):
        counts = [[len(set(text.split()) & set(passage.split())) for passage in passages] for text in queries]
        return np.array(counts, dtype=np.float32)

    some = make(DevQuery("lamp blink off", {2: SearchedPassage("lamp red", ["lamp red"])}), query("lamp blink off", 0))
    assert some.lexical_scores(common_words).tolist() == [[0, 0, 1, 0, 0], [0, 0, 3, 0, 0]]


def test_several_answers_of_several_queries_are_put_in_their_places():
    nothing = SearchedPassage("", ["red"])
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
    corpus = [SearchedPassage(f"p{n}", [f"p{n} w{w}" for w in range(size)]) for n, size in enumerate(sizes)]
    answers = data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3))
    some = DevSet(
        [DevQuery("q", {number: SearchedPassage("met", ["met"])}) for number in answers],
        corpus,
        max_windows=limit,
        seed=seed,
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


TANK = "Fill the tank with cold water. The pump starts by itself. Rinse the bowl twice."
LAMP = "The lamp blinks orange. Press the button twice."
LONG = " ".join(f"w{number}" for number in range(20)) + ". " + " ".join(f"v{number}" for number in range(20)) + "."
PASSAGES = [
    Passage("p0", "brava.md", "Brava 3 › Tank", TANK, 0, len(TANK)),
    Passage("p1", "brava.md", "", LAMP, 100, 100 + len(LAMP)),
    Passage("p2", "long.md", "", LONG, 0, len(LONG)),
]
DEV_WORDS = SimpleNamespace(
    window=100, token_offsets=lambda text: [match.span() for match in re.finditer(r"\S+", text)]
)


def build(
    *queries: tuple[Query, dict[str, int]], seed: int = 0, sentence_dropout: float = 1.0, **settings: int
) -> DevSet:
    qrels = {query.query_id: judged for query, judged in queries}
    empty = QuerySet("", [], {}, "passage")
    labelled = QuerySet("dev", [query for query, _ in queries], qrels, "passage")
    dataset = Dataset(PASSAGES, {"train": empty, "dev": labelled, "test": empty})
    made = GenerateConfig(source="docs", window_tokens=20, window_overlap=0.0)
    return build_dev_set(
        dataset, DEV_WORDS, made, TrainConfig(seed=seed, sentence_dropout=sentence_dropout, **settings)
    )


def passages_met(dev: DevSet) -> list[str]:
    """Return the texts that lexical search sees."""
    found: list[str] = []

    def score(passages, queries):
        found.extend(passages)
        return np.zeros((len(queries), len(passages)), dtype=np.float32)

    dev.lexical_scores(score)
    return found


WHOLE = [f"Brava 3 › Tank\n{TANK}", LAMP, LONG]


@pytest.mark.parametrize("kind", ["keyphrase", "span", "sentence", "heading"])
def test_generated_query_meets_its_passage_without_its_sentence_and_the_others_whole(kind):
    dev = build((Query("q", "pump starts", kind), {"p0": 1}))
    assert dev.queries == ["pump starts"]
    assert dev.relevant == [[0]]
    met = "Brava 3 › Tank\nFill the tank with cold water. Rinse the bowl twice."
    assert passages_met(dev) == [*WHOLE, met]
    assert dev.windows[-1] == met


def test_query_of_the_source_meets_its_passage_whole():
    assert passages_met(build((Query("q", "pump starts", "source"), {"p0": 1}))) == WHOLE


def test_all_relevant_passages_lose_the_sentence_and_those_of_grade_zero_do_not():
    dev = build((Query("q", "press the button twice", "span"), {"p1": 2, "p0": 1, "p2": 0}))
    assert dev.relevant == [[1, 0]]
    assert passages_met(dev) == [
        *WHOLE,
        "The lamp blinks orange.",
        "Brava 3 › Tank\nFill the tank with cold water. The pump starts by itself.",
    ]


def test_passage_without_its_sentence_is_cut_into_windows_anew():
    dev = build((Query("q", "w1 w2 w3", "span"), {"p2": 1}))
    first, second = LONG.split(". ")
    assert dev.windows == [*WHOLE[:2], f"{first}.", second, f" {second}"]
    assert passages_met(dev)[-1] == f" {second}"


def test_queries_are_sampled_in_their_order_and_the_seed_decides():
    queries = [(Query(f"q{number}", f"lamp {number}", "source"), {"p1": 1}) for number in range(30)]
    assert build(*queries).queries == [query.text for query, _ in queries]
    few = build(*queries, max_dev_queries=7).queries
    assert len(few) == 7
    assert few == sorted(few, key=lambda text: int(text.split()[1]))
    assert few == build(*queries, max_dev_queries=7).queries
    assert few != build(*queries, max_dev_queries=7, seed=1).queries


def test_passages_are_sampled_around_the_answers():
    dev = build((Query("q", "lamp", "source"), {"p1": 1}), max_dev_windows=1)
    assert dev.windows == [LAMP]
    assert dev.relevant == [[0]]


def test_of_many_answers_each_query_has_its_best():
    corpus = [SearchedPassage(text, [text]) for text in "abcdefgh"]
    queries = [DevQuery("one", dict.fromkeys([7, 0, 1, 2])), DevQuery("two", dict.fromkeys([6, 3, 4]))]
    dev = DevSet(queries, corpus, max_windows=6, seed=0, hardest=[5, 1])
    assert len(dev.windows) == 6
    assert {"h", "g", "a", "f"} <= set(dev.windows)  # the first answers, a second one, and the hardest passage
    drawn = {
        place: dev.windows.index(corpus[place].text) for place in (1, 2, 3, 4) if corpus[place].text in dev.windows
    }
    assert {drawn[place] for place in drawn.keys() & {1, 2}} < set(dev.relevant[0])  # no answer is taken for a negative
    assert {drawn[place] for place in drawn.keys() & {3, 4}} < set(dev.relevant[1])


def test_a_share_of_generated_queries_meets_its_passages_whole():
    queries = [(Query(f"q{number}", "pump starts", "span"), {"p0": 1}) for number in range(200)]
    dev = build(*queries, (Query("own", "pump starts", "source"), {"p0": 1}), sentence_dropout=0.5)
    met = passages_met(dev)[len(PASSAGES) :]
    whole = {row for row, text in enumerate(met) if text == WHOLE[0]}
    assert 70 < len(whole) < 130
    # A query that a person wrote has no words of its own taken out, and counts for fusion all the same.
    assert set(range(201)) - set(dev.source_hidden) == whole
    assert build(*queries, sentence_dropout=0.0).source_hidden == []


def test_queries_know_the_document_that_answers_them():
    judged = [{"p0": 1}, {"p1": 1}, {"p2": 1}, {"p1": 1, "p2": 2}]
    dev = build(*((Query(f"q{number}", "lamp", "source"), grades) for number, grades in enumerate(judged)))
    assert dev.clusters.tolist() == ["brava.md", "brava.md", "long.md", "long.md"]


WEIGHT_WORDS = ["pump", "valve", "gasket", "rotor", "sensor", "bearing", "piston", "nozzle"]
WEIGHT_CORPUS = [
    SearchedPassage(text, [text]) for text in (f"the {word} number {n}" for word in WEIGHT_WORDS for n in range(4))
]


def _dev(*, source_visible=False):
    queries = [
        DevQuery(f"{word} {n}", {4 * place + n: WEIGHT_CORPUS[4 * place + n]}, source_visible, word)
        for place, word in enumerate(WEIGHT_WORDS)
        for n in range(4)
    ]
    return DevSet(queries, WEIGHT_CORPUS, max_windows=1000, seed=0)


def test_a_model_that_knows_nothing_leaves_the_weight_to_words():
    noise = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    assert choose_fusion_weight(_dev(), noise) < 0.5


def test_a_model_that_knows_as_much_gets_the_usual_weight():
    assert choose_fusion_weight(_dev(), np.eye(32, dtype=np.float32)) == DEFAULT_WEIGHT


def test_queries_that_share_their_words_with_the_answer_have_no_say():
    noise = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    assert choose_fusion_weight(_dev(source_visible=True), noise) == DEFAULT_WEIGHT


def test_a_query_that_is_a_passage_never_ranks_before_its_answer():
    some = make(query("lamp blink off", 2), DevQuery("pump noise", {3: CORPUS[3]}, own=[1]))
    dense = some.dense_scores(WordCounts())
    assert some.reciprocal_ranks(dense).tolist() == [1.0, 1.0]
    assert some.lexical_scores(lambda passages, queries: np.ones((len(queries), len(passages)))).tolist()[1] == [1] * 5
    itself = build((Query("p1", "other words", "source"), {"p0": 1}), (Query("q", LAMP, "source"), {"p2": 1}))
    assert itself.dense_scores(WordCounts())[:, 1].tolist() == [0, 0]


def test_the_strength_is_chosen_by_some_queries_and_confirmed_by_the_others():
    """A strength that is best where it was chosen may be no gain elsewhere."""
    queries = [query("lamp", 2)._replace(cluster=name) for name in "abcdefgh"]
    dev = DevSet(queries, CORPUS, max_windows=100, seed=0, held_out=0.5)
    wrong, right = np.tile([1.0, 0, 0, 0, 0], (8, 1)), np.tile([0.0, 0, 1, 0, 0], (8, 1))
    lucky = wrong.copy()
    lucky[dev.choosing] = right[dev.choosing]
    decision, dense, record = select_on_dev(dev, wrong, {0.5: wrong, 1.0: lucky})
    assert (decision.ship, decision.gain) == ("base", 0.0)
    assert dense is lucky
    assert record.by_strength == {"0.5": 0.5, "1": 1.0}
    assert select_on_dev(dev, wrong, {1.0: right})[0].ship == "tuned"
