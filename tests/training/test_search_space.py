"""Where a search looks, and the settings that follow."""

import pytest

from embedtune.config.search import Range, SearchSpace
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError
from embedtune.training.search_space import build_space, settings_of

NOWHERE = dict.fromkeys(SearchSpace.model_fields)


def build(method="lora", **space):
    return build_space(SearchSpace(**space), TrainConfig(method=method), temperature=0.05)


def test_the_space_suits_the_method_and_begins_where_train_would():
    lora = build()
    assert list(lora) == ["learning_rate", "lora_rank", "epochs", "batch_size", "hard_negatives", "distill_weight"]
    rate, usual = lora["learning_rate"]
    assert (rate.low, rate.high, rate.log, usual) == (pytest.approx(1e-4), pytest.approx(2e-3), True, 5e-4)
    assert lora["lora_rank"][0].choices == (4, 8, 16, 32, 64)
    assert "lora_rank" not in build("full")
    assert list(build("bottleneck", **NOWHERE | {"adapter_width": "auto"})) == ["adapter_width"]
    assert build("ia3")["learning_rate"][1] == 5e-3


def test_a_dimension_is_a_range_a_list_or_nothing():
    space = build(**NOWHERE | {"epochs": {"low": 2, "high": 5}, "dropout": [0, 0.1], "temperature": "auto"})
    assert (space["epochs"][0].low, space["epochs"][0].high) == (2, 5)
    assert space["dropout"][0].choices == (0, 0.1)
    assert space["temperature"][0].low == 0.025


@pytest.mark.parametrize(
    ("dimension", "words"),
    [
        ({"lora_rank": [0, 4]}, "search.space.lora_rank: expected values that train takes, found 0: "),
        ({"lora_rank": [4, 4]}, "expected 1 to 100 different values"),
        ({"batch_size": []}, "expected 1 to 100 different values"),
        ({"epochs": Range(low=1, high=2.5)}, "search.space.epochs: expected whole numbers, found 2.5"),
        ({"learning_rate": {"low": 0.1, "high": 0.01}}, "expected low below high"),
        ({"learning_rate": {"low": 0, "high": 0.01, "log": True}}, "above 0 with log"),
        ({}, "expected a setting to search at least"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_the_first_training(dimension, words):
    with pytest.raises(ConfigError, match=words):
        build(**NOWHERE | dimension)


def test_alpha_follows_the_rank_and_everything_else_stays():
    train = TrainConfig(method="dora", lora_rank=8, lora_alpha=24, max_pairs=100, trust_remote_code=True)
    settings = settings_of({"lora_rank": 4, "learning_rate": 3e-4}, train)
    assert (settings.lora_rank, settings.lora_alpha, settings.method, settings.max_pairs) == (4, 12, "dora", 100)
    assert settings.trust_remote_code
    assert "epochs" not in settings.model_fields_set
