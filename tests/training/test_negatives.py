"""Hard negatives: what may be chosen, in which order, and rows that a loss of sentence-transformers trains on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedtune import ConfigError, DataError, Dataset, Passage, Query, QuerySet, mine_hard_negatives, select_negatives
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.training.negatives import judged_columns

NO_TERM = -np.inf


def expected(scores, relevant, excluded, judged, others, n, margin, depth, below):
    """Return what ``top`` selects for one query, in the words of its documentation."""
    free = [c for c in range(len(scores)) if c not in {*relevant, *excluded, *judged}]
    lists = [
        sorted((c for c in free if each[c] > -np.inf), key=lambda c, each=each: -each[c])[:depth]
        for each in (scores, *others)
    ]
    ranked = dict.fromkeys(
        found[rank] for rank in range(depth) for found in lists if rank < len(found)
    )  # a dictionary keeps the first of equal keys
    answer = (max if below == "best" else min)(scores[c] for c in relevant)
    limit = answer - margin * abs(answer - np.mean(scores))
    candidates = [c for c in ranked if scores[c] <= limit]
    below = sorted((c for c in free if c not in ranked and scores[c] <= limit), key=lambda c: -scores[c])
    above = sorted((c for c in free if scores[c] > limit), key=lambda c: scores[c])
    hardest = sorted(judged, key=lambda c: -scores[c])
    return [*hardest, *candidates, *below, *above, *[-1] * n][:n]


@settings(max_examples=200)
@given(st.data())
def test_top_is_what_its_words_say(data):
    n_queries, n_passages = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 12))
    draw = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    scores = draw.normal(size=(n_queries, n_passages))
    others = [np.where(draw.random(scores.shape) < 0.5, draw.normal(size=scores.shape), NO_TERM) for _ in range(2)]
    columns = st.lists(st.integers(0, n_passages - 1), unique=True)
    relevant = [data.draw(columns) or [0] for _ in range(n_queries)]
    excluded = [data.draw(columns) for _ in range(n_queries)]
    judged = [[c for c in data.draw(columns) if c not in relevant[row]] for row in range(n_queries)]
    n, depth, margin = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 14)), 0.05
    below = data.draw(st.sampled_from(["best", "least"]))
    options = {"num_negatives": n, "relative_margin": margin, "margin_below": below, "depth": depth, "sampling": "top"}
    found = select_negatives(scores, relevant, excluded, given=judged, others=others, **options)
    wanted = [
        expected(
            scores[row], relevant[row], excluded[row], judged[row], [o[row] for o in others], n, margin, depth, below
        )
        for row in range(n_queries)
    ]
    assert found.tolist() == wanted


@pytest.mark.parametrize("shift", [0.0, -2.0, 10.0])
def test_the_margin_counts_from_the_mean_so_that_all_models_have_hard_negatives(shift):
    scores = np.array([[0.4, 0.38, 0.3, -0.2, -0.38]]) + shift
    found = select_negatives(scores, [[0]], num_negatives=1, relative_margin=0.1, sampling="top")
    assert found.tolist() == [[2]]


@pytest.mark.parametrize(("below", "found"), [("best", [[2]]), ("least", [[3]])])
def test_the_margin_is_below_one_of_several_answers(below, found):
    scores = np.array([[0.9, 0.5, 0.6, 0.4]])
    assert select_negatives(scores, [[0, 1]], num_negatives=1, margin_below=below, sampling="top").tolist() == found


def test_a_query_without_answers_has_no_margin():
    assert select_negatives(np.array([[0.1, 0.9]]), [[]], num_negatives=1, sampling="top").tolist() == [[1]]


@pytest.mark.parametrize(("sampling", "first"), [("random", 0.1), ("rank", 1 / sum(1 / n for n in range(1, 11)))])
def test_candidates_are_drawn_by_their_rank(sampling, first):
    scores = np.tile(np.linspace(1, 0.1, 12), (4000, 1))  # the second is above the margin
    drawn = select_negatives(
        scores, [[0]] * 4000, depth=11, num_negatives=1, sampling=sampling, relative_margin=0.2
    ).ravel()
    assert set(drawn.tolist()) == set(range(2, 12))
    assert np.mean(drawn == 2) == pytest.approx(first, abs=0.03)


def test_a_seed_draws_alike_and_a_generator_goes_on():
    scores = np.random.default_rng(1).random((50, 100))
    relevant = [[0]] * 50

    def draw(seed):
        return select_negatives(scores, relevant, sampling="random", seed=seed).tolist()

    generator = np.random.default_rng(3)
    first, second = draw(generator), draw(generator)
    assert first == draw(3) != second
    assert all(len(set(row)) == 2 for row in first)


def test_a_guide_tests_the_margin_in_place_of_the_scores():
    scores = np.array([[0.5, 0.9, 0.8, 0.3, 0.2, 0.1]])
    answers = np.array([[1.0, 0.2, 0.99, 0.1, 0.0, 0.0]])

    def select(n):
        options = {"num_negatives": n, "depth": 3, "sampling": "top"}
        return select_negatives(scores, [[0]], guide=lambda *cells: answers[cells], **options).tolist()

    assert select(2) == [[1, 3]]
    # Of those that the guide has not seen the ones below the margin follow, and what it took for answers comes last.
    assert select(5) == [[1, 3, 4, 5, 2]]


def passage(name, document, text):
    return Passage(name, document, "", text, 0, len(text))


def labelled(qrels, **texts):
    return QuerySet("train", [Query(name, texts[name], "source") for name in qrels], qrels, "passage")


def test_neighbours_copies_and_the_query_itself_are_excluded():
    long = "the pump of the machine starts and stops by itself until the tank is empty again"
    passages = [
        passage("a0", "a", "before the answer"),
        passage("a1", "a", long),
        passage("a2", "a", "after the answer"),
        passage("a3", "a", "further on"),
        passage("b0", "b", long.capitalize() + "!"),
        passage("c0", "c", "Why does the  pump stop?"),
        passage("d0", "d", "wrong"),
        passage("q", "e", "something else"),
    ]
    judged = judged_columns(
        labelled({"q": {"a1": 2, "d0": 0, "a2": -1, "b0": 0}, "r": {"d0": 0}}, q="why does the pump stop?", r="x"),
        passages,
    )
    assert [query.query_id for query in judged.queries] == ["q"]
    assert judged.relevant == [[1]]
    assert judged.given == [[6, 2]]  # judged by hand, so a neighbour may be one; a copy of the answer may not
    assert set(judged.excluded[0]) - {1} == {0, 2, 4, 5, 6, 7}


def test_a_query_that_is_there_twice_has_the_answers_of_both():
    passages = [passage(name, name, f"text {name}") for name in "abc"]
    judged = judged_columns(labelled({"q": {"a": 1, "b": 0}, "r": {"b": 1}}, q="Which  one?", r="which one?"), passages)
    assert judged.given == [[], []]
    assert [set(columns) for columns in judged.excluded] == [{0, 1}, {0, 1}]


CORPUS = {
    "a": "Descale the espresso machine every two months with one sachet of descaler.",
    "b": "The espresso machine makes coffee from ground beans.",
    "c": "Limescale narrows the pipes of a kettle.",
    "d": "Error XK-77 means that the door is open.",
    "e": "Refunds for annual plans are counted by the day.",
}


def dataset(**qrels):
    queries = {"q": "how often do I descale the coffee machine", "r": "code xk-77"}
    return Dataset.from_pairs({name: queries[name] for name in qrels}, CORPUS, qrels, split="train")


def test_rows_train_with_the_losses_of_sentence_transformers(base_folder, tmp_path):
    from datasets import load_dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    model = SentenceTransformer(str(base_folder))
    rows = mine_hard_negatives(
        dataset(q={"a": 1, "c": 1, "e": 0}, r={"d": 1}), model, num_negatives=2, margin_below="least"
    )
    assert rows.column_names == ["anchor", "positive", "negative_1", "negative_2"]
    assert rows["positive"][:] == [CORPUS["a"], CORPUS["c"], CORPUS["d"]]
    # The judged one first; b scores above the answer c, so it may be an answer.
    assert [rows[0]["negative_1"], rows[0]["negative_2"]] == [CORPUS["e"], CORPUS["d"]]
    rows.to_json(tmp_path / "rows.jsonl")
    read = load_dataset(
        "json", data_files=str(tmp_path / "rows.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    arguments = SentenceTransformerTrainingArguments(
        str(tmp_path / "out"), per_device_train_batch_size=3, max_steps=1, save_strategy="no", report_to="none"
    )
    trainer = SentenceTransformerTrainer(model, arguments, read, loss=MultipleNegativesRankingLoss(model))
    assert trainer.train().training_loss > 0


def test_candidates_come_from_words_too(base):
    rows = mine_hard_negatives(
        dataset(r={"a": 1}), base, num_negatives=1, depth=1, relative_margin=0.0, window_tokens=64
    )
    assert rows[0]["negative_1"] != CORPUS["d"]  # above the margin
    rows = mine_hard_negatives(
        dataset(r={"a": 1}),
        base,
        num_negatives=1,
        depth=1,
        guide=lambda pairs: [CORPUS["a"] in text for _, text in pairs],
    )
    assert rows[0]["negative_1"] == CORPUS["d"]


def test_a_small_corpus_repeats_negatives_and_an_empty_one_is_refused(base):
    rows = mine_hard_negatives(dataset(q={"a": 1}), base, num_negatives=6)
    assert len({rows[0][f"negative_{n}"] for n in range(1, 7)}) == 4
    with pytest.raises(DataError, match="found none of 1"):
        mine_hard_negatives(dataset(q=dict.fromkeys(CORPUS, 1)), base)
    with pytest.raises(DataError, match="found none of 0"):
        mine_hard_negatives(Dataset.from_pairs(["a"], ["b"], split="test"), base)


def test_labels_of_dev_and_test_are_not_read(base):
    train, test = dataset(q={"a": 1}), dataset(q={"a": 1})
    test.splits["test"] = labelled({"x": {"b": 1}}, x=train.splits["train"].queries[0].text)
    assert mine_hard_negatives(test, base).to_list() == mine_hard_negatives(train, base).to_list()


def test_what_cannot_be_is_refused(base):
    with pytest.raises(ConfigError, match="relative_margin"):
        mine_hard_negatives(dataset(q={"a": 1}), base, relative_margin=0.95)
    with pytest.raises(ConfigError, match="guide: expected a number for each of 1 pairs"):
        mine_hard_negatives(dataset(q={"a": 1}), base, guide=lambda pairs: [[0, 1] for _ in pairs])
    with pytest.raises(ConfigError, match="guide: expected a cross-encoder"):
        mine_hard_negatives(dataset(q={"a": 1}), base, guide="/nowhere/at/all")
    with pytest.raises(ConfigError, match="model: expected a name"):
        mine_hard_negatives(dataset(q={"a": 1}), 3)


def test_a_model_may_be_a_name():
    assert len(mine_hard_negatives(dataset(q={"a": 1}), DEFAULT_MODEL)) == 1
