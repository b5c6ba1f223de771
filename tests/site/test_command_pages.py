"""A command's page has all that the command has."""

import re

import click
import command_pages
import pytest
from setting_rows import sections_of

from embedtune import cli, errors
from embedtune.config import settings as config

CONTEXT = click.Context(cli.group, info_name="embedtune")
NAMES = cli.group.list_commands(CONTEXT)


def page_of(name):
    command = cli.group.get_command(CONTEXT, name)
    return command, command_pages.command_page(command, click.Context(command, parent=CONTEXT, info_name=name))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_stands_there_with_its_words(name):
    command, page = page_of(name)
    options = [each for each in command.params if isinstance(each, click.Option)]
    rows = [row for row in page.splitlines() if row.startswith("| `-")]
    assert len(rows) == len(options) + 1  # --help
    for option in options:
        (row,) = [row for row in rows if f"`{option.opts[-1]}`" in row]
        assert option.help in row.replace("\\|", "|")


@pytest.mark.parametrize("name", NAMES)
def test_a_command_that_takes_settings_shows_them_or_leads_to_them(name):
    command, page = page_of(name)
    takes = any("--set" in option.opts for option in command.params)
    assert ("## Settings" in page) == takes


@pytest.mark.parametrize(
    ("name", "model"),
    [("generate", config.GenerateConfig), ("train", config.TrainConfig), ("eval", config.EvaluateConfig)],
)
def test_all_settings_of_a_stage_stand_on_its_page(name, model):
    _, page = page_of(name)
    for section in sections_of(model):
        for setting in section.settings:
            assert f"| `{setting.name}` | {setting.description} |" in page.replace("\\|", "|")


def test_an_option_has_the_default_of_its_setting():
    _, page = page_of("train")
    assert re.search(r"\| `--quantize` .* \| `auto` \|", page)
    assert re.search(r"\| `--batch-size` INTEGER .* \| `32` \|", page)


def test_the_index_has_every_command_and_every_exit_code():
    page = command_pages.index_page({name: cli.group.get_command(CONTEXT, name) for name in NAMES})
    assert [name for name in NAMES if f"]({name}.md)" not in page] == []
    classes = [each for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "exit_code")]
    assert {each.__name__ for each in classes} - set(re.findall(r"`(\w+Error)`", page)) == {"EmbedtuneError"}
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert codes == [0, 1, 2, 3, 4, 5, 6, 7, 100, 130, 143]


def test_the_environment_stands_in_for_an_option(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("EMBEDTUNE_TRAIN_LEARNING_RATE", "7")
    code, _, stderr = invoke("train", tmp_path)
    assert code == 2 and "learning_rate" in stderr and "found 7" in stderr
