"""Read one file of any known format: a registry from suffix to reader, and ``read``, which never raises.

A reader is a function ``(path, name, limits) -> Document``. It raises ``Unreadable`` with the reason where a file cannot be
used; whatever else it raises counts as a broken file. Readers import their libraries when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, cast

from embedtune.documents.limits import MEGABYTE, ReadingLimits
from embedtune.documents.readers.unreadable import Unreadable
from embedtune.documents.text_builder import TooMuchText
from embedtune.types import Document, Skipped

OUT_OF_MEMORY = "it needed more memory"
"""How the reason begins when memory ran out."""

ReadFile = Callable[[Path, str, ReadingLimits], Document]


class Reader(NamedTuple):
    """Who reads a format.

    Attributes:
        function: ``module:function``, imported when it is needed.
        isolated: Whether a hostile file could harm the process, which then must be one of its own.
    """

    function: str
    isolated: bool = True


def _here(function: str) -> Reader:
    return Reader(f"{__name__}.{function}")


READERS = {
    ".txt": Reader(f"{__name__}.text:read_text", isolated=False),
    ".md": _here("markdown:read_markdown"),
    ".markdown": _here("markdown:read_markdown"),
    ".rst": _here("restructured_text:read_restructured_text"),
    ".html": _here("html:read_html"),
    ".htm": _here("html:read_html"),
    ".xhtml": _here("html:read_html"),
    ".xml": _here("xml:read_xml"),
    ".pdf": _here("pdf:read_pdf"),
    ".docx": _here("word:read_word"),
    ".pptx": _here("slides:read_slides"),
    ".xlsx": _here("tables:read_workbook"),
    ".xls": _here("tables:read_workbook"),
    ".ods": _here("tables:read_workbook"),
    ".csv": _here("tables:read_csv"),
    ".tsv": _here("tables:read_csv"),
    ".json": _here("json_files:read_json"),
    ".jsonl": _here("json_files:read_json_lines"),
    ".epub": _here("ebook:read_ebook"),
    ".ipynb": _here("notebook:read_notebook"),
    ".odt": _here("open_document:read_open_document"),
    ".rtf": _here("rich_text:read_rich_text"),
    ".eml": _here("mail:read_mail"),
    ".msg": _here("mail:read_outlook"),
}
"""By suffix, in lower case."""

_EXTRAS = {"docutils": "rst", "oxmsg": "office", "pptx": "office", "python_calamine": "office", "striprtf": "office"}
"""The extra that installs a library of rarer formats."""


def no_reader(path: Path) -> str | None:
    """Tell why no reader takes a file of this name, or None."""
    return None if path.suffix.lower() in READERS else f"no reader for {path.suffix or 'files without a suffix'}"


def read(path: Path, name: str, limits: ReadingLimits) -> Document | Skipped:
    """Read a file in this process.

    Args:
        path: The file.
        name: Its id.
        limits: Size, pages and text are kept here; time and memory are the caller's to keep.

    Returns:
        The document, or why there is none; nothing is raised for what a file holds.
    """
    reason = no_reader(path)
    if reason:
        return Skipped(name, reason)
    return read_with(READERS[path.suffix.lower()].function, path, name, limits)


def read_with(function: str, path: Path, name: str, limits: ReadingLimits) -> Document | Skipped:
    """Read a file with one reader, named as ``module:function``; see ``read``."""
    try:
        size = path.stat().st_size
        if size > limits.max_file_mb * MEGABYTE:
            raise Unreadable(f"too large: {size / MEGABYTE:,.0f} MB, the limit is {limits.max_file_mb}")
        document = _load(function)(path, name, limits) if size else None
    except Exception as error:  # a parser can fail in any way on a broken file
        return Skipped(name, _reason(error, path, limits))
    return document if document and document.text.strip() else Skipped(name, "empty")


def _reason(error: Exception, path: Path, limits: ReadingLimits) -> str:
    """Say in one line why a file was not read."""
    match error:
        case Unreadable() | TooMuchText():
            return str(error)
        case MemoryError():
            return f"{OUT_OF_MEMORY} than {limits.memory_mb:,} MB"
        case RecursionError():
            return "nested too deeply"
        case ModuleNotFoundError(name=str(module)) if extra := _EXTRAS.get(module.partition(".")[0]):
            return f'needs the extra {extra}: pip install "embedtune[{extra}]"'
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return f"broken {path.suffix.lower()[1:]} file: {_brief(error)}"


def _load(function: str) -> ReadFile:
    module, _, name = function.partition(":")
    return cast("ReadFile", getattr(import_module(module), name))


def _brief(error: Exception) -> str:
    """Name an error in one short line."""
    text = " ".join(str(error).split()).encode("utf-8", "replace").decode()
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__
