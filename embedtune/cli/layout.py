"""Lines and columns of what commands print for people."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

from embedtune.shown import shown

UNBROKEN = "\u00a0"
"""A blank at which no line is broken."""


def width() -> int:
    """Return the columns of the terminal; 100 where the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 100


def wrapped(text: str, indent: str) -> str:
    """Return a text in lines, all but the first indented."""
    return textwrap.fill(text, width(), subsequent_indent=indent, break_on_hyphens=False).replace(UNBROKEN, " ")


def echo_wrapped(text: str, indent: str = "  ", *, err: bool = False) -> None:
    """Print a text in lines, all but the first indented; on stderr with ``err``."""
    click.echo(wrapped(shown(text), indent), err=err)


def print_columns(rows: Sequence[tuple[str, ...]], indent: str = "") -> None:
    """Print rows of equal length, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        click.echo(indent + "  ".join([first.ljust(widths[0]), *cells]).rstrip())


def print_next(command: str) -> None:
    """Print what to run next."""
    click.echo(f"next: {command}")
