from __future__ import annotations

import csv
import io
import shlex
import subprocess

import pytest

from embedtune.shown import (
    ShownStream,
    cell,
    masked,
    on_one_line,
    quoted_for_python,
    quoted_for_shell,
    shown,
    text_of_cell,
    unfiltered,
    without_commands,
)

COMMANDS = [
    *map(chr, range(32)),
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    *"\u061c\u200e\u2028\u202e\u2066\u2069",
    "\udc80",
    "\U000e0041",
]
BAD = [f"a{character}b" for character in COMMANDS] + [
    "\x1b]52;c;aGk=\x07",
    "a\nb",
    "a'b\n'; echo c",
    "$(echo x)\n",
    "\\\n",
]


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_no_command_reaches_a_terminal(text: str) -> None:
    for way in (shown, on_one_line, quoted_for_python, quoted_for_shell):
        assert not {character for character in way(text) if character in COMMANDS and character not in "\n\t"}
    assert "\n" not in on_one_line(text) + quoted_for_python(text) + quoted_for_shell(text)
    assert len(masked(text)) == len(without_commands(text)) == len(text)
    assert not set(without_commands(text)) & set(COMMANDS) - {"\n", "\t"}


@pytest.mark.parametrize("text", [text for text in BAD if "\udc80" not in text and "\0" not in text], ids=ascii)
def test_quoted_text_is_the_same_text(text: str) -> None:
    assert eval(quoted_for_python(text)) == text
    done = subprocess.run(
        ["bash", "-c", f"printf %s {quoted_for_shell(text)}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert done.stdout.decode() == text


def test_plain_text_stays_as_it_is() -> None:
    for text in ("Plain, with ümläuts — 漢字", "a 'quoted' word", "two\nlines\tand a tab"):
        assert shown(text) == text
    assert quoted_for_shell("a b") == shlex.quote("a b")


def test_a_stream_writes_what_is_shown() -> None:
    below = io.StringIO()
    stream = ShownStream(below)
    print("a\x1b[2Jb", file=stream)
    assert below.getvalue() == "a\\x1b[2Jb\n"
    assert unfiltered(stream) is below
    assert unfiltered(below) is below
    assert not hasattr(stream, "buffer")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "'quoted", "plain", ""])
def test_a_cell_is_no_formula_and_can_be_read_back(text: str) -> None:
    (row,) = csv.reader([cell(text) or "''"], delimiter="\t")
    assert row[0][0] not in "=+-@"
    assert text_of_cell(cell(text)) == text
