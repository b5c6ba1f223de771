"""Options that come from the settings, and paths that must exist."""

import click
import pytest
from click.testing import CliRunner

from embedtune.cli import options
from embedtune.config.settings import EvaluateConfig, GenerateConfig, load_config
from embedtune.config.training import TrainConfig


def run(option, *arguments):
    found = {}
    command = click.Command("x", params=[], callback=found.update)
    result = CliRunner().invoke(option(command), list(arguments))
    return result, found


def test_choices_type_and_help_of_an_option_are_those_of_its_setting():
    result, found = run(options.setting(TrainConfig, "method"), "--method", "query-lora")
    assert (result.exit_code, found) == (0, {"method": "query-lora"})
    shown = " ".join(run(options.setting(TrainConfig, "method"), "--help")[0].output.split())
    assert "[auto|pca|linear|query-lora|" in shown
    assert TrainConfig.model_fields["method"].description in shown
    assert "[default: lora]" in shown


@pytest.mark.parametrize(
    ("model", "name", "text", "value"),
    [
        (TrainConfig, "epochs", "2", 2),
        (TrainConfig, "learning_rate", "2e-4", 2e-4),
        (GenerateConfig, "model", "a/b", "a/b"),
        (EvaluateConfig, "precision", "bf16", "bf16"),
    ],
)
def test_an_option_reaches_the_settings_with_the_type_of_its_field(model, name, text, value):
    _, found = run(options.setting(model, name), f"--{name.replace('_', '-')}", text)
    assert found == {name: value}
    source = {"source": "docs"} if model is GenerateConfig else {}
    assert getattr(load_config(model, options={**source, **found}), name) == value


def test_a_flag_that_is_not_given_leaves_the_setting_to_the_recipe():
    assert run(options.setting(GenerateConfig, "strict"))[1] == {"strict": None}
    assert run(options.setting(GenerateConfig, "strict"), "--strict")[1] == {"strict": True}


def test_a_folder_that_does_not_exist_is_answered_with_what_stands_beside_it(tmp_path):
    (tmp_path / "handbook").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(click.BadParameter, match=r"does not exist; did you mean '.*handbook'\?$"):
        options.RUN.convert(str(tmp_path / "hanbook"), None, None)
    with pytest.raises(click.BadParameter, match=r"does not exist\.$"):
        options.RUN.convert(str(tmp_path / "other" / "place"), None, None)
    with pytest.raises(click.BadParameter, match="is a file"):
        options.RUN.convert(str(tmp_path / "file"), None, None)
    assert options.RUN.convert(str(tmp_path), None, None) == tmp_path
