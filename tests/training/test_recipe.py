from __future__ import annotations

import pytest

from embedtune.config.training import TrainConfig
from embedtune.training.recipe import FULL_LEARNING_RATE, for_labels
from embedtune.training.updates.registry import UPDATES
from embedtune.types import Query, QuerySet


def _train(kinds, n_answers=1):
    queries = [Query(f"q{number}", "a question", kind) for number, kind in enumerate(kinds)]
    qrels = {query.query_id: {f"p{answer}": 1 for answer in range(n_answers)} for query in queries}
    return QuerySet("train", queries, qrels, "passage")


def test_synthetic_queries_are_trained_on_as_configured():
    config = TrainConfig()
    assert for_labels(config, _train(["heading", "span", "source"])) is config


def test_judged_queries_bring_hard_negatives_and_the_expected_value():
    config = for_labels(TrainConfig(), _train(["source"] * 10))
    assert (config.epochs, config.hard_negatives, config.query_epochs, config.ship_errors) == (10, 1, 2, 0.0)
    assert config.query_side.hubness_weight == 0.0
    assert config.seed == 0


def test_what_the_user_set_stays():
    config = TrainConfig(epochs=7, hard_negatives=0, query_side={"epochs": 5})
    resolved = for_labels(config, _train(["source"] * 10))
    assert (resolved.epochs, resolved.hard_negatives, resolved.query_side.epochs) == (7, 0, 5)


@pytest.mark.parametrize(("n_answers", "epochs"), [(1, 10), (20, 5), (50, 3), (150, 2), (1000, 1)])
def test_many_pairs_take_fewer_epochs(n_answers, epochs):
    assert for_labels(TrainConfig(), _train(["source"] * 10, n_answers)).epochs == epochs


def test_all_weights_learn_more_slowly_than_lora():
    assert for_labels(TrainConfig(method="full"), _train(["source"])).learning_rate == FULL_LEARNING_RATE
    assert for_labels(TrainConfig(method="lora"), _train(["source"])).learning_rate is None
    assert UPDATES["lora"].learning_rate > FULL_LEARNING_RATE
