from __future__ import annotations

import logging
import shutil
from functools import partial

import pytest

import embedtune
from embedtune import machine
from embedtune.config.settings import DEFAULT_MODEL, EvaluateConfig, GenerateConfig, RunConfig
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError, ResourceError
from embedtune.pipeline import preflight

GIB = 1 << 30
MADE = GenerateConfig(source="docs")


@pytest.fixture
def memory(monkeypatch):
    """Pretend that the machine has so much memory left."""

    def pretend(available, *, limited=False):
        monkeypatch.setattr(machine, "memory", lambda: machine.Memory(available, 64 * GIB, limited))

    pretend(32 * GIB)
    return pretend


@pytest.fixture
def disk(monkeypatch):
    def pretend(free):
        monkeypatch.setattr(machine, "disk_free", lambda path: free)

    return pretend


@pytest.fixture
def warnings(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("embedtune"), "propagate", True)
    caplog.set_level(logging.WARNING, logger="embedtune")
    return caplog


def recipe(out, **settings) -> RunConfig:
    return RunConfig.model_validate({"out": str(out), "generate": {"source": "python-reference"}, **settings})


def test_nothing_is_said_when_all_is_well(tmp_path, model_folder, memory, warnings):
    preflight.before_generate(MADE, tmp_path / "dataset", model_folder, 1000)
    preflight.before_train(TrainConfig(), MADE, tmp_path / "model", model_folder)
    preflight.before_evaluate(EvaluateConfig(), tmp_path / "eval", model_folder, 10, 100)
    preflight.before_run(recipe(tmp_path / "run"))
    assert warnings.messages == []
    assert list(tmp_path.iterdir()) == []


def test_little_memory_is_a_warning_with_the_estimate(tmp_path, model_folder, memory, warnings):
    memory(2 * GIB, limited=True)
    preflight.before_train(TrainConfig(), MADE, tmp_path / "model", model_folder)
    (message,) = warnings.messages
    assert "expected about 3.6 GiB of memory (batches of 32 and windows of 128 tokens)" in message
    assert "found 2.0 GiB available under a container's limit; trying all the same" in message


def test_too_little_memory_for_the_weights_is_refused(tmp_path, model_folder, memory):
    memory(300 << 20)
    with pytest.raises(ResourceError, match=r"found 300 MiB available; 473 MiB is the least"):
        preflight.before_train(TrainConfig(), MADE, tmp_path / "model", model_folder)


def test_little_disk_is_refused_with_the_estimate(tmp_path, model_folder, memory, disk):
    disk(1 << 20)
    with pytest.raises(
        ResourceError,
        match=r"expected about 276 MiB of free disk \(three times the base model's weights\), found 1 MiB",
    ):
        preflight.before_train(TrainConfig(), MADE, tmp_path / "model", model_folder)
    with pytest.raises(ResourceError, match="run files of 1000 queries at depth 100"):
        preflight.before_evaluate(EvaluateConfig(), tmp_path / "eval", model_folder, 1000, 5000)


def test_an_index_of_more_lists_than_passages_allow_is_refused_before_anything_is_encoded(
    tmp_path, model_folder, memory
):
    config = EvaluateConfig(index=("ivf4096,pq48", "hnsw32", "ivf64,pq7"))
    with pytest.raises(ConfigError) as caught:
        preflight.before_evaluate(config, tmp_path / "eval", model_folder, 10, 5000)
    assert "expected 159,744 vectors to train ivf4096,pq48, found 5,000" in str(caught.value)
    assert "found 'ivf64,pq7'" in str(caught.value)
    assert "hnsw32:" not in str(caught.value)


def test_estimates_of_disk_cover_the_demo(tmp_path, model_folder, memory, disk):
    """The demo: 466 kB of text became a dataset of 1.8 MB, a model of 95.0 MB, and 6.0 MB of runs of 179 queries."""
    checks = {
        1_792_828: partial(preflight.before_generate, MADE, tmp_path / "dataset", model_folder, 466_117),
        95_013_811: partial(preflight.before_train, TrainConfig(), MADE, tmp_path / "model", model_folder),
        5_953_997: partial(preflight.before_evaluate, EvaluateConfig(), tmp_path / "eval", model_folder, 179, 1394),
    }
    for measured, check in checks.items():
        disk(measured)
        with pytest.raises(ResourceError, match="of free disk"):
            check()
        disk(measured * 3 + 20_000_000)
        check()


def test_problems_of_several_kinds_are_one_error_of_the_most_urgent_kind(tmp_path, model_folder, memory, disk):
    broken = shutil.copytree(model_folder, tmp_path / "model-files")
    (broken / "config.json").unlink()
    disk(0)
    with pytest.raises(ResourceError) as caught:
        preflight.before_train(TrainConfig(), MADE, tmp_path / "model", broken)
    assert "2 problems before any work" in str(caught.value)
    assert "config.json: expected a file, found nothing" in str(caught.value)
    assert "of free disk" in str(caught.value)
    assert "copy or download the model again" in caught.value.hint
    assert "free disk space" in caught.value.hint


def test_missing_model_and_bad_folder_are_told_together(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(ResourceError) as caught:
        preflight.find_base("sentence-transformers/all-MiniLM-L6", tmp_path / "run" / "dataset")
    assert f"did you mean '{DEFAULT_MODEL}'" in str(caught.value)
    assert "is a file" in str(caught.value)


def test_a_recipe_is_checked_as_a_whole_before_the_first_stage(tmp_path):
    config = recipe(
        tmp_path / "run",
        generate={"source": str(tmp_path / "nowhere"), "model": "no/such-model"},
        eval={"queries": str(tmp_path / "no-queries")},
    )
    for dry_run in (False, True):
        with pytest.raises(ConfigError) as caught:
            embedtune.run(config, dry_run=dry_run)
        for words in ("3 problems", "nowhere: expected", "no/such-model: expected", "no-queries: expected"):
            assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_the_problems(tmp_path, document_folder, disk):
    disk(0)
    with pytest.raises(ResourceError, match="of free disk"):
        embedtune.generate(GenerateConfig(source=str(document_folder)), tmp_path / "run", dry_run=True)


def test_a_recipe_names_further_models_that_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="no/such-model"):
        preflight.before_run(recipe(tmp_path / "run", eval={"models": ["no/such-model"]}))


def test_wrong_arguments_of_the_trainer_are_refused_before_any_work(tmp_path, model_folder, memory):
    config = TrainConfig(trainer_args={"max_steps": 3, "lerning_rate": 1})
    for check in (
        lambda: preflight.before_train(config, MADE, tmp_path / "model", model_folder),
        lambda: preflight.before_run(recipe(tmp_path / "run", train={"trainer_args": config.trainer_args})),
    ):
        with pytest.raises(ConfigError) as caught:
            check()
        assert "train.trainer_args.max_steps: cannot be set" in str(caught.value)
        assert "did you mean 'learning_rate'" in str(caught.value)
