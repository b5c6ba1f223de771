import pytest
import yaml

from embedtune.pipeline import run as pipeline
from embedtune.resources import recipes


@pytest.fixture
def ran(monkeypatch):
    """Return the settings that reach the pipeline, which does nothing."""
    configs = []
    monkeypatch.setattr(pipeline, "run", lambda config, **options: configs.append(config) or {})
    return configs


def test_packaged_recipes_are_listed_with_whom_they_are_for(invoke):
    code, out, _ = invoke("run", "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(recipes())
    assert "keep-index       The index stays as it is" in out


@pytest.mark.parametrize("words", [[], ["quickstart", "--config", "pipelines/quickstart.yaml"]])
def test_one_recipe_is_needed(words, invoke, tmp_path):
    words = [recipes()["quickstart"] if str(word).endswith(".yaml") else word for word in words]
    code, _, err = invoke("run", *words)
    assert code == 2 and "expected one recipe, as RECIPE or with --config" in err


def test_options_win_over_the_recipe_and_a_seed_reaches_every_stage(invoke, ran, tmp_path):
    recipe = {"out": "runs/x", "generate": {"source": "docs", "seed": 5}, "train": {"epochs": 2, "lora_rank": 8}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    code, *_ = invoke("run", tmp_path / "mine.yaml", "--out", "runs/y", "--seed", 3, "--set", "train.epochs=4")
    (config,) = ran
    assert code == 0
    assert (config.out, config.train.epochs, config.train.lora_rank) == ("runs/y", 4, 8)
    assert {config.generate.seed, config.train.seed, config.eval.seed} == {3}
