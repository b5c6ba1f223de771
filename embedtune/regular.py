"""Open files that a user or a folder names: only regular ones, for a pipe never ends and a device has no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegularError(OSError):
    """A pipe, a socket or a device where a file was expected."""


def open_regular(path: Path) -> BinaryIO:
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


def read_regular(path: Path, most: int) -> bytes:
    """Read a whole file of at most ``most`` bytes; raises as ``open_regular``, and ``OSError`` for a larger one."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"more than {most:,} bytes")
    return content
