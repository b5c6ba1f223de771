"""What ends a command, and the code it ends with."""

from __future__ import annotations

import errno
import sys
from functools import partial

import click
import pytest

from embedtune import cli
from embedtune.errors import ConfigError, DataError, IntegrityError, QualityError, ResourceError
from embedtune.signals import TerminatedError


@pytest.fixture
def end(monkeypatch, capsys):
    """Let a command end with an exception; return exit code and stderr."""

    def call(error):
        def command(**_):
            raise error

        monkeypatch.setattr(cli.group, "main", command)
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a"), 2),
        (DataError("a"), 3),
        (ResourceError("a"), 5),
        (IntegrityError("a"), 7),
        (QualityError("a"), 100),
        (MemoryError(), 5),
        (KeyboardInterrupt(), 130),
        (click.UsageError("a"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "/runs/x"), 5),
        (PermissionError(errno.EACCES, "Permission denied", "/runs/x"), 5),
        (OSError(errno.ENAMETOOLONG, "File name too long", "xxx"), 5),
    ],
)
def test_every_ending_has_its_code_and_no_traceback(end, error, code):
    found, stderr = end(error)
    assert found == code
    assert "Error: " in stderr
    assert "Traceback" not in stderr


def test_sigterm_inside_a_command_is_told_from_ctrl_c(monkeypatch, capsys):
    def stop(error):
        raise error

    monkeypatch.setattr(sys, "argv", ["embedtune", "stop"])
    for error, code in ((TerminatedError(), 143), (KeyboardInterrupt(), 130)):
        command = click.Command("stop", callback=partial(stop, error))
        monkeypatch.setattr(cli.group, "get_command", lambda *_, found=command: found)
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert exit_.value.code == code
    assert "Hint: to continue: embedtune stop" in capsys.readouterr().err


def test_refusal_of_the_system_names_the_file(end):
    _, stderr = end(OSError(errno.ENOSPC, "No space left on device", "/runs/x"))
    assert stderr == "Error: /runs/x: No space left on device\nHint: choose another folder or free disk space\n"


def test_another_error_of_the_system_is_a_bug_of_ours(monkeypatch):
    def command(**_):
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    monkeypatch.setattr(cli.group, "main", command)
    with pytest.raises(FileNotFoundError):
        cli.main()


@pytest.mark.parametrize("arguments", [["generate", "python-reference", "--out", "r", "--model"], ["run"]])
def test_a_name_too_long_for_any_file_is_refused(monkeypatch, capsys, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["embedtune", *arguments, "x" * 300])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 5
    assert "File name too long" in capsys.readouterr().err


def test_the_traceback_of_a_bug_holds_no_key(monkeypatch, capsys):
    monkeypatch.setenv("SOME_TOKEN", "open-sesame-99")
    try:
        raise ValueError("Bearer open-sesame-99")
    except ValueError as error:
        cli._report_bug(type(error), error, error.__traceback__)
    stderr = capsys.readouterr().err
    assert "Traceback" in stderr
    assert "sesame" not in stderr
