"""What --help prints."""

import pytest
from click.testing import CliRunner

from embedtune import cli


@pytest.mark.parametrize("command", cli._COMMANDS)
def test_the_example_has_a_line_of_its_own(command):
    lines = CliRunner().invoke(cli.group, [command, "--help"]).output.splitlines()
    assert any(line.startswith(f"  Example: embedtune {command}") for line in lines)
    assert not any("\\b" in line for line in lines)


def test_the_commands_of_the_group_stand_one_in_a_line():
    lines = CliRunner().invoke(cli.group, ["--help"]).output.splitlines()
    for words in ("run quickstart", "generate docs/", "train runs/mine", "eval runs/mine", "doctor"):
        assert any(line.startswith(f"  embedtune {words}") for line in lines), words
