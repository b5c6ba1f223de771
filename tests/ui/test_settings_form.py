from __future__ import annotations

import pytest

from embedtune.config.settings import DEFAULT_MODEL, RunConfig, load_config
from embedtune.errors import ConfigError
from embedtune.ui.roots import Root
from embedtune.ui.settings_form import fields, first_fields, folded_fields, form_values, read_form, read_recipe


@pytest.fixture
def root(tmp_path):
    (tmp_path / "docs").mkdir()
    return Root([tmp_path])


def test_every_setting_has_a_field_with_its_help_and_default():
    by_name = {field.name: field for field in fields()}
    assert len(by_name) > 100
    assert all(field.help for field in fields() if not field.name.startswith("generate.split."))
    window = by_name["generate.window_tokens"]
    assert (window.kind, window.default) == ("number", "128")
    assert by_name["train.method"].choices[0] == "auto"
    assert by_name["generate.model"].default == DEFAULT_MODEL
    assert by_name["generate.llm.judge"].choices == ("false", "true")
    shown = [field.name for field in first_fields()]
    folded = [field.name for group in folded_fields().values() for field in group]
    assert sorted(shown + folded) == sorted(by_name)
    assert not any("trust_remote_code" in name for name in by_name)


def test_only_what_differs_gets_into_the_recipe_and_the_command_makes_the_same(root):
    given = {"generate.source": "docs", "generate.window_tokens": "64", "train.epochs": "1", "train.strengths": "[1.0]",
             "eval.queries": "one\n two \n", "generate.query_prompt": "no: ", "generate.strict": "true", "unknown": "x"}  # fmt: skip
    recipe = read_form(given, "runs/mine", root)
    assert recipe.command == "embedtune run --config runs/mine/recipe.yaml"
    assert "epochs" not in recipe.text
    (root.folder / "recipe.yaml").write_text(recipe.text)
    again = load_config(RunConfig, file=root.folder / "recipe.yaml")
    assert again == recipe.config
    assert (again.generate.window_tokens, again.generate.query_prompt, again.generate.strict) == (64, "no:", True)
    assert again.eval.queries == ("one", "two")
    back = form_values(recipe)
    assert read_form(back, "runs/mine", root).config == recipe.config


def test_every_value_that_cannot_be_used_is_told(root):
    with pytest.raises(ConfigError) as caught:
        read_form({"generate.source": "docs", "train.epochs": "two", "train.lora_rank": "0"}, "runs/x", root)
    assert "train.epochs" in str(caught.value) and "train.lora_rank" in str(caught.value)
    with pytest.raises(ConfigError, match=r"generate\.source"):
        read_form({}, "runs/x", root)
    for out in ("../x", "/x", ".x"):
        with pytest.raises(ConfigError, match="out"):
            read_form({"generate.source": "docs"}, out, root)


def test_a_recipe_of_somebody_else_is_checked_and_trusts_no_code(root):
    run = root.folder / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text(
        "out: /elsewhere\ngenerate: {source: docs, trust_remote_code: true}\ntrain: {trust_remote_code: true}\n"
    )
    recipe = read_recipe(run, root)
    assert "trust" not in recipe.text
    assert recipe.config.out == "run"
    (run / "recipe.yaml").write_text("out: x\ngenerate: {source: ../secret}\n")
    with pytest.raises(ConfigError, match=r"generate\.source"):
        read_recipe(run, root)
