"""What --help prints, how soon, and what a misspelled name is answered with."""

import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from embedtune import cli


def help_of(*arguments):
    return CliRunner().invoke(cli.group, [*arguments, "--help"]).output


@pytest.mark.parametrize("command", cli._NAMES)
def test_the_example_has_a_line_of_its_own(command):
    lines = help_of(command).splitlines()
    assert any(line.startswith(f"  Example: embedtune {command}") for line in lines)
    assert not any("\\b" in line for line in lines)


def test_the_group_lists_every_command_with_a_sentence():
    lines = help_of().splitlines()
    for name in cli._NAMES:
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert len(line.split()) > 3, name


def test_every_command_of_the_list_can_be_loaded():
    context = cli.group.make_context("embedtune", ["doctor"])
    assert all(cli.group.get_command(context, name).name == name for name in cli._NAMES)


def test_help_imports_no_settings_and_no_numpy_and_takes_less_than_half_a_second():
    code = (
        "import sys\n"
        "from embedtune.cli import group\n"
        "group.main(['--help'], standalone_mode=False)\n"
        "assert not {'pydantic', 'numpy', 'torch', 'rich'} & sys.modules.keys()"
    )
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["tarin"], "train"),
        (["train", ".", "--method", "loar"], "lora"),
        (["train", ".", "--quantize", "int9"], "int8"),
        (["plug", ".", "--for", "langchian"], "langchain"),
        (["eval", ".", "--precision", "bf61"], "bf16"),
        (["run", "quikstart"], "quickstart"),
        (["train", "runs/mien"], "runs/mine"),
        (["generate", "manaul"], "manual"),
    ],
)
def test_a_misspelled_name_is_answered_with_the_one_that_was_meant(arguments, meant, invoke, tmp_path, monkeypatch):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "manual").mkdir()
    monkeypatch.chdir(tmp_path)
    code, _, err = invoke(*arguments)
    assert code in (2, 3)
    assert f"; did you mean '{meant}'?" in err


def test_a_name_that_is_like_none_gets_no_suggestion(invoke):
    code, _, err = invoke("frobnicate")
    assert code == 2
    assert "did you mean" not in err
