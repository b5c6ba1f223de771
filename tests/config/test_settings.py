from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from embedtune.config.settings import (
    EvaluateConfig,
    GenerateConfig,
    RunConfig,
    SplitConfig,
    load_config,
    takes_settings,
)
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError
from embedtune.text.hashing import hash_json

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
        ("false_negative_margin=-0.05", "false_negative_margin", -0.05),
    ],
)
def test_values_of_set_are_yaml(setting, key, value):
    assert getattr(load_config(TrainConfig, settings=[setting]), key) == value


def test_seed_of_a_recipe_spreads_to_the_stages_that_name_none(recipe):
    config = load_config(RunConfig, file=recipe)
    assert (config.generate.seed, config.train.seed, config.eval.seed) == (7, 11, 7)


def test_seed_of_a_recipe_reaches_a_stage_read_alone(recipe):
    assert load_config(GenerateConfig, section="generate", file=recipe).seed == 7
    assert load_config(TrainConfig, section="train", file=recipe).seed == 11
    assert load_config(EvaluateConfig, section="eval", file=recipe).seed == 7


def test_seed_reaches_stages_that_the_recipe_leaves_out():
    config = RunConfig.model_validate({"out": "o", "seed": 3, "generate": {"source": "docs"}})
    assert (config.generate.seed, config.train.seed, config.eval.seed) == (3, 3, 3)


@pytest.mark.parametrize(("given", "names"), [(None, ()), ("mine", ("mine",)), (["a", "b"], ("a", "b"))])
def test_queries_are_none_one_or_several(given, names):
    assert EvaluateConfig(queries=given).queries == names


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["lerning_rate=1"], "lerning_rate: there is no such setting; did you mean 'learning_rate'?"),
        (["batchsize=8"], "batchsize: there is no such setting; did you mean 'batch_size'?"),
        (["negative_margin=0.1"], "negative_margin: there is no such setting; did you mean 'false_negative_margin'?"),
    ],
)
def test_misspelt_key_gets_a_suggestion(settings, message):
    with pytest.raises(ConfigError) as caught:
        load_config(TrainConfig, settings=settings)
    assert str(caught.value) == f"settings: 1 problem\n  --set {settings[0]}: {message}"


def test_misspelt_key_deep_in_a_recipe_gets_a_suggestion_of_its_own_section(tmp_path):
    path = write(tmp_path, "out: o\ngenerate:\n  source: docs\n  split: {trian: 0.8}\n")
    with pytest.raises(ConfigError, match=r"generate\.split\.trian: there is no such setting; did you mean 'train'\?"):
        load_config(RunConfig, file=path)


def test_misspelt_section_gets_a_suggestion(tmp_path):
    path = write(tmp_path, "out: o\ngenrate: {source: docs}\n")
    with pytest.raises(ConfigError, match=r"genrate: there is no such setting; did you mean 'generate'\?"):
        load_config(TrainConfig, section="train", file=path)


def test_key_like_no_other_gets_the_list_of_keys():
    with pytest.raises(
        ConfigError,
        match="zzz: there is no such setting; known: queries, models, forgetting, trust_remote_code, precision, measures, depth, vectors, index, rerank, seed",
    ):
        load_config(EvaluateConfig, settings=["zzz=1"])


def test_all_problems_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        load_config(TrainConfig, settings=["epoch=3", "batch_size=1", "learning_rate=fast"])
    lines = str(caught.value).splitlines()
    assert lines[0] == "settings: 3 problems"
    assert sorted(line.split(":")[1].strip() for line in lines[1:]) == ["batch_size", "epoch", "learning_rate"]
    assert any("found 1" in line for line in lines) and any("found 'fast'" in line for line in lines)


def test_problems_at_the_top_and_inside_a_section_are_reported_together(tmp_path):
    path = write(tmp_path, "out: o\ntran: {}\ngenerate: {source: docs, per_kind: 99}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(RunConfig, file=path)
    first, *problems = str(caught.value).splitlines()
    assert first == f"{path}: 2 problems"
    assert sorted(problems) == [
        f"  {path}:2: tran: there is no such setting; did you mean 'train'?",
        f"  {path}:3: generate.per_kind: expected less than or equal to 20, found 99",
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
    with pytest.raises(
        ConfigError, match=r"--set strengths=\[0\.5: expected YAML, found a syntax error: while parsing a flow sequence"
    ):
        load_config(TrainConfig, settings=["strengths=[0.5"])


def test_set_cannot_reach_into_a_plain_value():
    with pytest.raises(
        ConfigError, match=r"--set split\.train=0\.5: expected 'split' to be a section, found the value 5"
    ):
        load_config(GenerateConfig, settings=["split=5", "split.train=0.5"])


@pytest.mark.parametrize(("text", "found"), [("- a\n- b\n", "list"), ("just words\n", "str"), ("", "NoneType")])
def test_recipe_must_be_a_mapping(tmp_path, text, found):
    with pytest.raises(ConfigError, match=f"expected a mapping with the sections generate, train, eval, found {found}"):
        load_config(RunConfig, file=write(tmp_path, text))


def test_recipe_that_is_not_yaml_is_refused(tmp_path):
    path = write(tmp_path, "out: o\ngenerate: [unclosed\ntrain: {}\n")
    with pytest.raises(
        ConfigError, match=r"recipe\.yaml:3: expected YAML, found a syntax error: .*expected ',' or ']'"
    ):
        load_config(RunConfig, file=path)


def test_recipe_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"seed: 1\nout: caf\xe9")
    with pytest.raises(ConfigError, match=r"recipe\.yaml:2: expected a YAML recipe in UTF-8, found .* at byte 16"):
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
    found = f"{path}:3: train: expected a mapping of settings, found {yaml.safe_load(value)!r}"
    assert str(caught.value) == f"{path}: 1 problem\n  {found}"


def test_empty_section_means_defaults(tmp_path):
    path = write(tmp_path, "out: o\ngenerate: {source: docs}\ntrain:\n")
    assert load_config(TrainConfig, section="train", file=path) == TrainConfig()


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        TrainConfig().epochs = 3


def problems(*arguments, **options) -> list[str]:
    """Return the lines of the refusal, without its head."""
    with pytest.raises(ConfigError) as caught:
        load_config(*arguments, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_every_problem_of_a_recipe_is_reported_at_once_with_its_line(tmp_path):
    path = write(
        tmp_path,
        "out: o\ngenerate:\n  source: docs\n  kinds: [span, heding]\ntrain:\n  quantize: nf5\n  rank: 8\nout: p\n",
    )
    found = problems(RunConfig, file=path, settings=["train.epochs=0"], options={"eval.precision": "bf61"})
    assert sorted(found) == sorted(
        [
            f"{path}:4: generate.kinds.1: expected 'heading', 'span', 'keyphrase' or 'sentence', found 'heding'; "
            "did you mean 'heading'?",
            f"{path}:6: train.quantize: expected 'auto', 'nf4', 'fp4', 'int8' or 'none', found 'nf5'; "
            "did you mean 'nf4'?",
            f"{path}:7: train.rank: there is no such setting; did you mean 'lora_rank'?",
            f"{path}:8: out is given twice; the first is in line 1",
            "--set train.epochs=0: train.epochs: expected greater than or equal to 1, found 0",
            "--precision: eval.precision: expected 'auto', 'fp32' or 'bf16', found 'bf61'; did you mean 'bf16'?",
        ]
    )


def test_a_value_like_no_other_gets_no_suggestion():
    assert problems(TrainConfig, settings=["quantize=zzz"]) == [
        "--set quantize=zzz: quantize: expected 'auto', 'nf4', 'fp4', 'int8' or 'none', found 'zzz'"
    ]


def test_lines_are_those_of_the_file_when_one_section_is_read(tmp_path):
    path = write(tmp_path, "out: o\n\ntrain:\n  # how long\n  epochs: many\n")
    assert problems(TrainConfig, section="train", file=path) == [
        f"{path}:5: train.epochs: ".replace("train.", "")
        + "expected a valid integer, unable to parse string as an integer, found 'many'"
    ]


def test_key_given_twice_inside_a_section_names_both_lines(tmp_path):
    path = write(tmp_path, "out: o\ngenerate: {source: docs}\ntrain:\n  epochs: 1\n  seed: 2\n  epochs: 3\n")
    assert problems(RunConfig, file=path) == [f"{path}:6: train.epochs is given twice; the first is in line 4"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (".nan", "expected a finite number, found nan"),
        (".inf", "expected a finite number, found inf"),
        ("0x" + "f" * 5000, "found a very large int"),
        ("9" * 5000, "expected a plain value"),
    ],
)
def test_numbers_that_are_none_are_refused(value, found):
    (problem,) = problems(TrainConfig, settings=[f"false_negative_margin={value}"])
    assert found in problem and len(problem) < 400


def test_seed_that_torch_cannot_take_is_refused():
    assert "less than or equal to" in problems(TrainConfig, settings=[f"seed={2**63}"])[0]


words = st.sampled_from(["out", "generate", "train", "eval", "source", "seed", "split", "kinds", "docs", "1", "span"])
texts = st.text(max_size=60)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | texts, inner, max_size=4),
    max_leaves=12,
)
recipes = st.one_of(
    texts,
    st.text("abo:{}[]&*!|>-'\"#%@\n\t ,?<0.", max_size=80),
    values.map(lambda value: yaml.safe_dump(value, allow_unicode=True)),
    st.tuples(st.just(RECIPE), st.integers(0, len(RECIPE)), st.text(max_size=4)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]
    ),
)


@given(text=recipes, section=st.sampled_from([None, "generate", "train", "eval"]))
def test_any_text_is_a_recipe_or_refused(text, section, scratch):
    path = scratch / "recipe.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    model = {None: RunConfig, "generate": GenerateConfig, "train": TrainConfig, "eval": EvaluateConfig}[section]
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config(model, section=section, file=path), model)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_recipe_or_refused(data, scratch):
    path = scratch / "recipe.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        load_config(RunConfig, file=path)


settings_given = st.one_of(
    texts,
    st.tuples(words | texts, values).map(lambda pair: f"{pair[0]}={pair[1]!r}"),
    st.tuples(
        st.sampled_from([*TrainConfig.model_fields, *GenerateConfig.model_fields, "split.train", "train.epochs"]),
        st.one_of(texts, values.map(yaml.safe_dump)),
    ).map("=".join),
)


@given(settings=st.lists(settings_given, max_size=4), model=st.sampled_from([TrainConfig, GenerateConfig, RunConfig]))
def test_any_settings_make_a_config_or_are_refused(settings, model):
    with contextlib.suppress(ConfigError):
        config = load_config(model, settings=settings)
        config.model_dump_json()
        hash_json(config.model_dump(mode="json"))


def test_a_wrong_setting_is_our_error_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match=r"learningrate: there is no such setting; did you mean 'learning_rate'"):
        TrainConfig(learningrate=1e-4)
    with pytest.raises(ConfigError, match="did you mean 'query-lora'"):
        TrainConfig(method="query_lora")
    with pytest.raises(ConfigError, match=r"split.trian: there is no such setting; did you mean 'train'"):
        GenerateConfig(source="docs", split={"trian": 1})


def test_all_problems_of_a_call_come_at_once():
    with pytest.raises(ConfigError, match="3 problems") as caught:
        TrainConfig(epochs="many", batch_size=1, lerning_rate=1)
    assert [line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "batch_size", "epochs", "lerning_rate",
    ]  # fmt: skip


def test_paths_are_taken_wherever_text_is():
    config = GenerateConfig(source=Path("docs"), model=Path("models/mine"))
    assert (config.source, config.model) == ("docs", "models/mine")
    assert EvaluateConfig(queries=Path("mine")).queries == ("mine",)
    assert EvaluateConfig(queries=[Path("mine"), "theirs"]).queries == ("mine", "theirs")


@takes_settings(GenerateConfig, first="source")
def stage(config: GenerateConfig, out: Path, *, force: bool = False) -> tuple[str, int, Path, bool]:
    return config.source, config.seed, out, force


OUT = Path("runs/mine")


@pytest.mark.parametrize(
    "call",
    [
        lambda: stage(GenerateConfig(source="docs", seed=3), OUT, force=True),
        lambda: stage(config=GenerateConfig(source="docs", seed=3), out=OUT, force=True),
        lambda: stage(source="docs", out=OUT, seed=3, force=True),
        lambda: stage("docs", OUT, seed=3, force=True),
    ],
)
def test_a_stage_takes_its_settings_as_an_object_or_as_keywords(call):
    assert call() == ("docs", 3, OUT, True)


def test_a_keyword_that_is_no_setting_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        stage("docs", OUT, sed=3)
