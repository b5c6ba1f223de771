from pathlib import Path

import pytest

from embedtune.config.settings import EvaluateConfig
from embedtune.errors import ConfigError
from embedtune.pipeline.evaluation_inputs import Inputs


@pytest.fixture(scope="module")
def run(small_run):
    return small_run[0]


def test_the_runs_own_test_split_is_read_by_default(run):
    config = EvaluateConfig()
    inputs = Inputs.read(config, run, [])
    (source,) = inputs.sources(config)
    assert (source.name, source.path) == ("test", None)
    assert inputs.n_queries == len(inputs.dataset.splits["test"].queries) > 0
    assert [model.name for model in inputs.models(config)] == ["base", "tuned"]
    assert inputs.seeds() == []


def test_sets_and_models_from_elsewhere_are_found_again_by_their_paths(run, small_run, monkeypatch):
    monkeypatch.chdir(run)
    config = EvaluateConfig(queries=("dataset",), models=(str(small_run[1]),))
    inputs = Inputs.read(config, run, [])
    assert [Path(source.path) for source in inputs.sources(config)] == [run / "dataset"]
    assert [model.name for model in inputs.models(config)][-1] == small_run[1].name


def test_settings_that_change_a_result_change_the_identity(run):
    def identity(**settings):
        config = EvaluateConfig(**settings)
        return Inputs.read(config, run, []).identity(config)

    assert identity() == identity()
    assert identity() != identity(seed=1)
    assert identity() != identity(rerank=5)


def test_two_models_of_one_name_are_refused(run, small_run):
    config = EvaluateConfig(models=(str(small_run[1]), str(small_run[1]) + "/."))
    with pytest.raises(ConfigError, match="expected a name of its own"):
        Inputs.read(config, run, []).models(config)
