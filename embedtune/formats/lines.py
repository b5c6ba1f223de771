"""Text files: numbered lines, and errors with file and line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from embedtune.errors import DataError, EmbedtuneError, ResourceError
from embedtune.regular import open_regular

MAX_LINE = 64 << 20
MAX_WHOLE = 1 << 30
_BY_LINES = "write it as .jsonl or as a BEIR folder, which are read line by line"
_MAX_NAMED = 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENCODING = "save the file as UTF-8; iconv -f LATIN1 -t UTF-8 converts a file"


class FaultyRows:
    """The faulty rows of one file, which one error tells together: the first twenty, and how many there are."""

    def __init__(self, path: Path, what: str = "line") -> None:
        """Start without any; ``what`` is what the numbers count, such as ``row`` of a Parquet file."""
        self._path = path
        self._what = what
        self._first: list[tuple[int, str, str, str | None]] = []
        self._count = 0

    def add(self, number: int, expected: str, found: str, hint: str | None = None) -> None:
        """Note one row, counted from 1."""
        self._count += 1
        if len(self._first) < _MAX_NAMED:
            self._first.append((number, expected, found, hint))

    def check(self) -> None:
        """Raise ``DataError`` if there are any."""
        if not self._first:
            return
        number, expected, found, hint = self._first[0]
        if self._count == 1:
            where = f"{self._path}:{number}" if self._what == "line" else f"{self._path}, {self._what} {number}"
            raise DataError(f"{where}: expected {expected}, found {found}", hint=hint)
        rows = [
            f"  {self._what} {number}: expected {expected}, found {found}" for number, expected, found, _ in self._first
        ]
        rows += [f"  and {self._count - len(self._first)} more"] * (self._count > len(self._first))
        raise DataError(f"{self._path}: {self._count} faulty rows\n" + "\n".join(rows), hint=hint)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, counted from 1, without Unix or Windows line ends.

    A byte order mark at the start is dropped.

    Raises:
        DataError: If there is no such file, a line is no UTF-8, or one is longer than 64 MiB.
        ResourceError: If the file may not be read.
    """
    try:
        with open_regular(path) as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise DataError.at(
                        path, number, f"lines of at most {MAX_LINE >> 20} MiB", "a longer one", hint="one object a line"
                    )
                text = decode(path, line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line, number)
                if text.strip():
                    yield number, text.rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def read_text(path: Path) -> str:
    """Return a whole file, without a byte order mark.

    Raises:
        DataError: If there is no such file, it is larger than 1 GiB, or it is no UTF-8.
        ResourceError: If the file may not be read.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_WHOLE:
                expected = f"at most {MAX_WHOLE >> 30} GiB in a file that is read as a whole"
                raise DataError.at(path, None, expected, f"{size / (1 << 30):,.1f} GiB", hint=_BY_LINES)
            content = file.read()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return decode(path, content.removeprefix(_BYTE_ORDER_MARK), None)


def decode(path: Path, content: bytes, line: int | None) -> str:
    """Decode UTF-8; in a whole file the line of the first bad byte is counted.

    Raises:
        DataError: If it is no UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        first = content.rfind(b"\n", 0, error.start) + 1
        number = line or content.count(b"\n", 0, error.start) + 1
        raise DataError.at(
            path, number, "UTF-8 text", f"{error.reason} at byte {error.start - first + 1} of the line", hint=_ENCODING
        ) from error


def unreadable(path: Path, error: OSError | ValueError) -> EmbedtuneError:
    """Return our error for a file that could not be opened; errors of ours are returned as they are."""
    if isinstance(error, EmbedtuneError):
        return error
    if isinstance(error, PermissionError):
        return ResourceError(
            f"{path}: expected a file that may be read, found: {error.strerror}", hint=f"chmod +r {path}"
        )
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return DataError.at(path, None, "a file", "a folder" if path.is_dir() else "nothing")
    return DataError.at(path, None, "a file", str(error))
