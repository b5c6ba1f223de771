"""Text of others in our messages, our tables and our code: no character of it commands a terminal or ends a string.

Names of files, passages and settings can hold anything. Control characters move the cursor, set the clipboard or turn a line
round; here they are shown as Python writes them.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, TextIO

_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def shown(text: str) -> str:
    r"""Return a text for a terminal or a log: its lines stay, its commands are spelled out.

    Examples:
        >>> print(shown("a\x1b]0;b\x07 \u202e"))
        a\x1b]0;b\x07 \u202e
    """
    return _COMMANDS.sub(_spelled, text)


def masked(text: str) -> str:
    """Return a text with the same number of characters, whose commands are replacement characters."""
    return _COMMANDS.sub("\ufffd", text)


def without_commands(text: str) -> str:
    """Return a text with blanks in place of its commands, for text that is kept."""
    return _COMMANDS.sub(" ", text)


def on_one_line(text: str) -> str:
    r"""Return a text that stays on its line, for a comment: line ends are spelled out too.

    Examples:
        >>> print(on_one_line("a\nb"))
        a\nb
    """
    return shown(text).replace("\n", "\\n").replace("\t", "\\t")


def quoted_for_python(text: str) -> str:
    """Return the literal of a text in Python, on one line."""
    return _COMMANDS.sub(_spelled, json.dumps(text, ensure_ascii=False))


def quoted_for_shell(text: str) -> str:
    """Return a word of a shell's command line, on one line."""
    if on_one_line(text) == text:
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{on_one_line(escaped)}'"


def cell(text: str) -> str:
    """Return a cell of a table in tab-separated values, which no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def text_of_cell(written: str) -> str:
    """Return the text that ``cell`` made a cell of."""
    return written.removeprefix("'")


def _spelled(match: re.Match[str]) -> str:
    number = ord(match[0])
    if match[0] == "\r":
        return "\\r"
    return f"\\x{number:02x}" if number < 0x20 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


class ShownStream:
    """A stream of text that writes what ``shown`` makes of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        self._stream.write(shown(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would go past
            raise AttributeError(name)
        return getattr(self._stream, name)


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream below a ``ShownStream``, for a library that colours text which was shown before."""
    below: TextIO = getattr(stream, "_stream", stream)
    return below
