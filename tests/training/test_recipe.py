from __future__ import annotations

import pytest

from embedtune.config.training import TrainConfig
from embedtune.training import recipe
from embedtune.training.recipe import for_labels, identity_of_recipe
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


def test_judged_queries_are_learned_at_their_own_rate():
    rates = {name: for_labels(TrainConfig(method=name), _train(["source"])).learning_rate for name in UPDATES}
    assert rates["lora"] > UPDATES["lora"].learning_rate > rates["full"]
    assert {name for name, rate in rates.items() if rate} == {"lora", "full"}
    assert for_labels(TrainConfig(method="auto"), _train(["source"])).learning_rate == rates["lora"]
    assert for_labels(TrainConfig(learning_rate=1e-4), _train(["source"])).learning_rate == 1e-4


def test_settings_of_the_recipe_that_the_user_set_are_told_apart_from_equal_defaults():
    kinds = {"source": 30, "span": 400}
    plain, own = (identity_of_recipe(config, kinds) for config in (TrainConfig(), TrainConfig(hard_negatives=0)))
    assert TrainConfig() == TrainConfig(hard_negatives=0)
    assert (plain["labels"]["set"], own["labels"]["set"]) == ([], ["hard_negatives"])
    of_queries = identity_of_recipe(TrainConfig(query_side={"epochs": 1}, max_dev_queries=600), kinds)
    assert of_queries["labels"] == {**plain["labels"], "set": ["query_side.epochs"]}
    assert identity_of_recipe(TrainConfig(hard_negatives=0), {"source": 19, "span": 400}) == {}


def test_another_recipe_is_another_identity(monkeypatch):
    before = identity_of_recipe(TrainConfig(), {"source": 30})
    monkeypatch.setitem(recipe.LEARNING_RATES, "lora", 2e-3)
    assert identity_of_recipe(TrainConfig(), {"source": 30}) != before
