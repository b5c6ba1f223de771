"""Open files that a user or a folder names: only regular ones, for a pipe never ends and a device has no end."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

LARGEST = 1 << 28
"""Bytes of a text that is read as a whole; what programs write about models and runs has a hundredth of it."""


DEEPEST = 200
"""Folders within one another that are entered; nobody has as many, and more end Python's own functions."""


class NotRegularError(OSError):
    """A pipe, a socket or a device where a file was expected."""


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read its bytes, without waiting for a writer.

    Raises:
        NotRegularError: If it is a pipe, a socket or a device.
        OSError: As ``open`` does.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(f"{path} is a folder")
    raise NotRegularError("a pipe, a socket or a device")


def is_too_deep(path: Path) -> bool:
    """Return whether a folder has more folders above it than are entered."""
    return len(path.parts) > DEEPEST


def below(folder: Path) -> Iterator[Path]:
    """Yield files, folders and links below a folder; no link is followed, and folders that are too deep are not entered."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))
        if is_too_deep(Path(place)):
            folders.clear()


def remove_folder(folder: Path) -> None:
    """Delete a folder as far as that is possible."""
    with suppress(RecursionError):  # somebody made it deeper than anything of ours
        shutil.rmtree(folder, ignore_errors=True)


def read_regular(path: Path, most: int) -> bytes:
    """Read a whole file of at most ``most`` bytes; raises as ``open_regular``, and ``OSError`` for a larger one."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size <= most:
            content = file.read(most + 1)
            if len(content) <= most:
                return content
    raise OSError(f"more than {most:,} bytes")


def read_text(path: Path, most: int = LARGEST) -> str:
    """Read a file in UTF-8; raises as ``read_regular``, and ``ValueError`` where it is no UTF-8."""
    return read_regular(path, most).decode("utf-8")


def read_json(path: Path, most: int = LARGEST) -> Any:
    """Read a file of JSON; raises as ``read_text``, and ``ValueError`` or ``RecursionError`` where it is no JSON."""
    return json.loads(read_text(path, most))
