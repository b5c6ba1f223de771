from __future__ import annotations

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.dataset import Dataset
from embedtune.models.encoder import Encoder
from embedtune.training.methods.data import TrainingData
from embedtune.training.methods.pair_choice import choose_pairs, weigh_pairs
from embedtune.types import Passage, Query, QuerySet


def data(base, n_judged, n_synthetic, **settings):
    """Return judged queries, each with three answers of grade 3, 2 and 1, and synthetic ones with one answer each."""
    passages = [Passage(f"p{n}", f"d{n}", "", f"The boiler number {n} is drained.", 0, 33) for n in range(200)]
    judged = [Query(f"j{n}", f"how do I drain boiler {n}", "source") for n in range(n_judged)]
    synthetic = [Query(f"s{n}", f"boiler {n}", "span") for n in range(n_synthetic)]
    qrels = {query.query_id: {f"p{n}": 3, f"p{n + 1}": 2, f"p{n + 2}": 1} for n, query in enumerate(judged)}
    qrels |= {query.query_id: {f"p{n + 100}": 1} for n, query in enumerate(synthetic)}
    train = QuerySet("train", [*judged, *synthetic], qrels, "passage")
    return TrainingData(
        config=TrainConfig(sentence_dropout=0.0, **settings),
        dataset_config=GenerateConfig(source="", window_tokens=48),
        dataset=Dataset(passages, {"train": train}),
        base=Encoder(base),
        encode_corpus=lambda texts, on_progress: None,
    )


def ids(pairs, start):
    return [pair.query_id for pair in pairs if pair.query_id.startswith(start)]


def test_synthetic_queries_alone_are_sampled(base):
    pairs = choose_pairs(data(base, 0, 60, max_pairs=24))
    assert len(pairs) == len({pair.query_id for pair in pairs}) == 24


def test_every_judged_query_has_its_best_answer_before_any_has_a_second(base):
    pairs = choose_pairs(data(base, 30, 0, max_pairs=40))
    first = [pair for pair in pairs if pair.passage == int(pair.query_id[1:])]
    assert (len(pairs), len(first)) == (40, 30)
    seconds = [pair for pair in pairs if pair not in first]
    assert all(pair.passage == int(pair.query_id[1:]) + 1 for pair in seconds)


@pytest.mark.parametrize(("n_judged", "beside", "expected"), [(20, 0, 0), (20, 7, 7), (20, 90, 50), (19, 7, 50)])
def test_synthetic_pairs_stand_beside_those_of_enough_judged_queries(base, n_judged, beside, expected):
    pairs = choose_pairs(data(base, n_judged, 50, max_pairs=500, synthetic_pairs=beside))
    assert len(ids(pairs, "s")) == expected
    assert len(ids(pairs, "j")) == 3 * n_judged


def test_a_pair_counts_by_its_grade_and_a_synthetic_one_less(base):
    given = data(base, 20, 5, synthetic_pairs=5, synthetic_weight=0.25)
    pairs = choose_pairs(given)
    weights = dict(zip([(pair.query_id, pair.passage) for pair in pairs], weigh_pairs(given, pairs), strict=True))
    assert [weights["j4", passage] for passage in (4, 5, 6)] == pytest.approx([1, 2 / 3, 1 / 3])
    assert weights["s4", 104] == 0.25
    alone = data(base, 0, 5)
    assert weigh_pairs(alone, choose_pairs(alone)) == [1.0] * 5
