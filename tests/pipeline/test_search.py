"""A search: trials that go on where they stopped, the best of them as the run's model, and a decision that saw none of them."""

import json
import shutil

import pytest

import embedtune
from embedtune.config.search import SearchConfig, SearchSpace
from embedtune.config.settings import load_config
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError
from embedtune.pipeline import search_trials
from embedtune.pipeline.search import RECIPE, search
from embedtune.pipeline.verify import verify_run
from embedtune.project.layout import TRIALS
from embedtune.training.study import best_of

TRAIN = TrainConfig(quantize="none", max_pairs=32, max_dev_windows=100, temperature=0.05, n_evals=2)
SPACE = SearchSpace(epochs=None, hard_negatives=None, batch_size=(4, 8), lora_rank=(2, 4), distill_weight=None)
CONFIG = SearchConfig(trials=3, train=TRAIN, space=SPACE)


@pytest.fixture
def run(small_run, tmp_path):
    shutil.copytree(small_run[0] / "dataset", tmp_path / "run" / "dataset")
    return tmp_path / "run"


@pytest.mark.slow
def test_an_interrupted_search_ends_as_an_undisturbed_one_and_train_makes_the_same_model(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "again")
    record = search(CONFIG, run).record
    assert [trial.number for trial in record.trials] == [0, 1, 2]
    assert record.trials[0].settings["learning_rate"] == 5e-4  # what train would take
    assert record.best == best_of(record.trials).number
    settings = load_config(TrainConfig, section="train", file=run / "search" / RECIPE)
    assert settings.lora_alpha == 2 * settings.lora_rank
    assert embedtune.train(settings, run).status == "skipped"
    assert {state.stage: state.state for state in verify_run(run)}["search"] == "whole"
    assert search(CONFIG, run).status == "skipped"

    seen = []

    def stop_in_the_second(trial, score):
        seen.append(score)
        if len(seen) == 3:  # two evaluations a trial
            raise KeyboardInterrupt
        see(trial, score)

    see = search_trials.Trial.see
    with monkeypatch.context() as patch:
        patch.setattr(search_trials.Trial, "see", stop_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            search(CONFIG, tmp_path / "again")
    assert not (tmp_path / "again" / "model").exists()
    assert search(CONFIG, tmp_path / "again").record == record
    merged = "model/merged/model.safetensors"
    assert (tmp_path / "again" / merged).read_bytes() == (run / merged).read_bytes()
    assert [path.name for path in (run / TRIALS).iterdir()] == ["study.sqlite"]

    code = search(CONFIG.model_copy(update={"trials": 4}), run).record  # goes on from the three
    assert code.trials[:3] == record.trials and len(code.trials) == 4


def test_a_method_without_such_settings_is_refused(run):
    with pytest.raises(ConfigError, match=r"search\.train\.method: expected one of lora, .*, found pca"):
        search(run=run, train=TrainConfig(method="pca"))
    assert not (run / TRIALS).exists()


def test_a_dry_run_writes_nothing_and_settings_reach_the_space(run, invoke):
    before = sorted(run.rglob("*"))
    code, out, _ = invoke("search", run, "--dry-run", "--trials", 3, "--set", "space.lora_rank=[2,4]")
    assert (code, out) == (0, f"search would run (method: lora, trials: 3) → {run / 'search'}\n")
    assert sorted(run.rglob("*")) == before
    code, _, err = invoke("search", run, "--dry-run", "--set", "space.lora_rang=[2]", "--trials", 0)
    assert code == 2 and "did you mean 'lora_rank'?" in err and "--trials" in err


@pytest.mark.slow
def test_the_table_has_a_row_for_each_trial(run, invoke):
    given = [f"train.{name}={value}" for name, value in TRAIN.model_dump(mode="json", exclude_unset=True).items()]
    given += ["space.epochs=null", "space.hard_negatives=null", "space.batch_size=[4, 8]"]
    command = ("search", run, "--trials", 1, "-q", *(part for each in given for part in ("--set", each)))
    code, out, _ = invoke(*command)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["trial", "dev", "learning_rate", "lora_rank", "batch_size", "distill_weight"]
    assert lines[1].split()[:3] == ["0", "*", "done"]
    assert lines[-1] == f"next: embedtune eval {run}"
    assert json.loads(invoke(*command, "--json")[1])["best"] == 0
