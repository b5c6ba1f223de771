from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from embedtune.config import EvaluateConfig, GenerateConfig, RunConfig, SplitConfig, TrainConfig, load_config
from embedtune.errors import ConfigError

RECIPE = """\
out: runs/manual
seed: 7
generate:
  source: docs
  per_kind: 3
train:
  epochs: 2
  seed: 11
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_apply_where_nothing_is_given():
    assert load_config(TrainConfig) == TrainConfig()
    assert TrainConfig().batch_size == 32


def test_file_beats_default(recipe):
    assert load_config(GenerateConfig, section="generate", file=recipe).per_kind == 3


def test_set_beats_file(recipe):
    config = load_config(GenerateConfig, section="generate", file=recipe, settings=["per_kind=4"])
    assert config.per_kind == 4


def test_option_beats_set_and_file(recipe):
    config = load_config(
        GenerateConfig, section="generate", file=recipe, settings=["per_kind=4"], options={"per_kind": 5}
    )
    assert config.per_kind == 5


def test_option_that_is_none_was_not_given(recipe):
    config = load_config(
        GenerateConfig, section="generate", file=recipe, options={"per_kind": None, "source": "manuals"}
    )
    assert (config.per_kind, config.source) == (3, "manuals")


def test_the_last_set_of_a_key_wins():
    assert load_config(TrainConfig, settings=["epochs=2", "epochs=5"]).epochs == 5


def test_set_may_carry_the_section_as_prefix(recipe):
    assert load_config(TrainConfig, section="train", file=recipe, settings=["train.epochs=6"]).epochs == 6


def test_set_reaches_into_sections_of_a_recipe(recipe):
    config = load_config(RunConfig, file=recipe, settings=["generate.split.train=0.6", "generate.split.test=0.3"])
    assert config.generate.split == SplitConfig(train=0.6, dev=0.1, test=0.3)
    assert config.generate.source == "docs"


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("learning_rate=2e-4", "learning_rate", 2e-4),
        ("max_pairs=null", "max_pairs", None),
        ("strengths=[0.5, 1]", "strengths", (0.5, 1.0)),
        ("quantize=nf4", "quantize", "nf4"),
        ("mask_margin=-0.05", "mask_margin", -0.05),
    ],
)
def test_values_of_set_are_yaml(setting, key, value):
    assert getattr(load_config(TrainConfig, settings=[setting]), key) == value


def test_seed_of_a_recipe_spreads_to_the_stages_that_name_none(recipe):
    config = load_config(RunConfig, file=recipe)
    assert (config.generate.seed, config.train.seed) == (7, 11)


def test_seed_of_a_recipe_reaches_a_stage_read_alone(recipe):
    assert load_config(GenerateConfig, section="generate", file=recipe).seed == 7
    assert load_config(TrainConfig, section="train", file=recipe).seed == 11


def test_seed_reaches_stages_that_the_recipe_leaves_out():
    config = RunConfig.model_validate({"out": "o", "seed": 3, "generate": {"source": "docs"}})
    assert (config.generate.seed, config.train.seed) == (3, 3)


def test_stage_without_a_seed_ignores_that_of_the_recipe(recipe):
    assert load_config(EvaluateConfig, section="eval", file=recipe) == EvaluateConfig()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["lerning_rate=1"], "lerning_rate: there is no such setting; did you mean 'learning_rate'?"),
        (["batchsize=8"], "batchsize: there is no such setting; did you mean 'batch_size'?"),
        (["margin=0.1"], "margin: there is no such setting; did you mean 'mask_margin'?"),
    ],
)
def test_misspelt_key_gets_a_suggestion(settings, message):
    with pytest.raises(ConfigError) as caught:
        load_config(TrainConfig, settings=settings)
    assert str(caught.value) == f"settings: 1 problem\n  {message}"


def test_misspelt_key_deep_in_a_recipe_gets_a_suggestion_of_its_own_section(tmp_path):
    path = write(tmp_path, "out: o\ngenerate:\n  source: docs\n  split: {trian: 0.8}\n")
    with pytest.raises(ConfigError, match=r"generate\.split\.trian: there is no such setting; did you mean 'train'\?"):
        load_config(RunConfig, file=path)


def test_misspelt_section_gets_a_suggestion(tmp_path):
    path = write(tmp_path, "out: o\ngenrate: {source: docs}\n")
    with pytest.raises(ConfigError, match=r"genrate: there is no such setting; did you mean 'generate'\?"):
        load_config(TrainConfig, section="train", file=path)


def test_key_like_no_other_gets_the_list_of_keys():
    with pytest.raises(ConfigError, match="zzz: there is no such setting; known: queries, precision, depth"):
        load_config(EvaluateConfig, settings=["zzz=1"])


def test_all_problems_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        load_config(TrainConfig, settings=["epoch=3", "batch_size=1", "learning_rate=fast"])
    lines = str(caught.value).splitlines()
    assert lines[0] == "settings: 3 problems"
    assert sorted(line.split(":")[0].strip() for line in lines[1:]) == ["batch_size", "epoch", "learning_rate"]
    assert any("found 1" in line for line in lines) and any("found 'fast'" in line for line in lines)


def test_problems_at_the_top_and_inside_a_section_are_reported_together(tmp_path):
    path = write(tmp_path, "out: o\ntran: {}\ngenerate: {source: docs, per_kind: 99}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(RunConfig, file=path)
    first, *problems = str(caught.value).splitlines()
    assert first == f"{path}: 2 problems"
    assert sorted(problems) == [
        "  generate.per_kind: Input should be less than or equal to 20, found 99",
        "  tran: there is no such setting; did you mean 'train'?",
    ]


def test_missing_source_is_named():
    with pytest.raises(ConfigError, match=r"source: Field required$"):
        load_config(GenerateConfig)


def test_errors_of_a_file_name_the_file(recipe):
    with pytest.raises(ConfigError, match=r"recipe\.yaml: 1 problem"):
        load_config(TrainConfig, section="train", file=recipe, settings=["epochs=0"])


@pytest.mark.parametrize("shares", [{"train": 0.8, "dev": 0.1, "test": 0.2}, {"train": 0.5, "dev": 0.1, "test": 0.1}])
def test_shares_must_sum_to_one(shares):
    total = sum(shares.values())
    with pytest.raises(ConfigError, match=f"split: train, dev and test must sum to 1, they sum to {total:g}"):
        load_config(GenerateConfig, options={"source": "docs", "split": shares})


def test_thirds_sum_to_one_in_spite_of_rounding():
    assert SplitConfig(train=0.333333, dev=0.333333, test=0.333334).dev == 0.333333


@pytest.mark.parametrize("setting", ["epochs", "=3", ""])
def test_set_needs_key_and_value(setting):
    with pytest.raises(ConfigError, match=f"--set {setting}: expected key=value"):
        load_config(TrainConfig, settings=[setting])


def test_set_with_broken_yaml_is_refused():
    with pytest.raises(ConfigError, match=r"--set strengths=\[0\.5: expected a YAML value"):
        load_config(TrainConfig, settings=["strengths=[0.5"])


def test_set_cannot_reach_into_a_plain_value():
    with pytest.raises(ConfigError, match=r"split\.train: expected 'split' to be a section, found the value 5"):
        load_config(GenerateConfig, settings=["split=5", "split.train=0.5"])


@pytest.mark.parametrize(("text", "found"), [("- a\n- b\n", "list"), ("just words\n", "str"), ("", "NoneType")])
def test_recipe_must_be_a_mapping(tmp_path, text, found):
    with pytest.raises(ConfigError, match=f"expected a mapping with the sections generate, train, eval, found {found}"):
        load_config(RunConfig, file=write(tmp_path, text))


def test_recipe_that_is_not_yaml_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected a YAML recipe"):
        load_config(RunConfig, file=write(tmp_path, "out: [unclosed"))


def test_recipe_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"out: caf\xe9")
    with pytest.raises(ConfigError, match="expected a YAML recipe"):
        load_config(RunConfig, file=path)


def test_recipe_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: expected a YAML recipe"):
        load_config(RunConfig, file=tmp_path / "none.yaml")


def test_section_that_is_no_mapping_is_refused_in_a_run(tmp_path):
    path = write(tmp_path, "out: o\ngenerate: {source: docs}\ntrain: fast\n")
    with pytest.raises(ConfigError, match=r"train: .*found 'fast'"):
        load_config(RunConfig, file=path)


@pytest.mark.parametrize("value", ["fast", "5", "[epochs, 2]"])
def test_section_that_is_no_mapping_is_refused_when_read_alone(tmp_path, value):
    path = write(tmp_path, f"out: o\ngenerate: {{source: docs}}\ntrain: {value}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(TrainConfig, section="train", file=path)
    assert str(caught.value) == f"{path}: expected train to be a mapping of settings, found {yaml.safe_load(value)!r}"


def test_empty_section_means_defaults(tmp_path):
    path = write(tmp_path, "out: o\ngenerate: {source: docs}\ntrain:\n")
    assert load_config(TrainConfig, section="train", file=path) == TrainConfig()


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        TrainConfig().epochs = 3
