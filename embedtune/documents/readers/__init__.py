"""Read one file of any known format: a registry by suffix, and ``read``, which never raises for the content of a file.

Readers import their libraries when they are called. Other packages add readers by entry points of the group
``embedtune.readers``; see ``Reader`` and ``docs/formats.md``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from embedtune.documents.readers.files import MEGABYTE, ReadingLimits, Unreadable
from embedtune.documents.text_builder import TextBuilder, TooMuchText
from embedtune.errors import ConfigError
from embedtune.types import Document, Skipped

GROUP = "embedtune.readers"
"""Entry points of this group are readers: the name is a suffix without its dot, the value ``module:function``."""

OUT_OF_MEMORY = "it needed more memory"
"""How the reason begins when memory ran out."""

_log = logging.getLogger("embedtune")


class Reader(Protocol):
    """A function that reads a file of one format.

    It is called in a child process with limits of memory and time, once for each file. If it raises, the file
    is skipped: ``Unreadable`` with the reason as its message, anything else as a broken file.
    """

    def __call__(self, path: Path, name: str, limits: ReadingLimits) -> Document | str:
        """Read a file.

        Args:
            path: The file.
            name: Its id.
            limits: How many pages and characters it may have; its size was checked.

        Returns:
            A document, whose sections are never joined in one passage; or Markdown, whose headings are the sections.
        """
        ...


class ReaderEntry(NamedTuple):
    """Where the reader of a format is."""

    function: str  # module:function, imported when it is needed


_SUFFIXES = {
    "text:read_text": ".txt",
    "markdown:read_markdown": ".md .markdown",
    "restructured_text:read_restructured_text": ".rst",
    "html:read_html": ".html .htm .xhtml",
    "xml:read_xml": ".xml",
    "pdf:read_pdf": ".pdf",
    "office:read_word": ".docx",
    "office:read_slides": ".pptx",
    "workbooks:read_workbook": ".xlsx .xls .ods",
    "delimited:read_csv": ".csv .tsv",
    "json_files:read_json": ".json",
    "json_files:read_json_lines": ".jsonl",
    "office:read_ebook": ".epub",
    "json_files:read_notebook": ".ipynb",
    "office:read_open_document": ".odt",
    "office:read_rich_text": ".rtf",
    "mail:read_mail": ".eml",
    "mail:read_outlook": ".msg",
}
READERS = {
    suffix: ReaderEntry(f"{__name__}.{function}")
    for function, suffixes in _SUFFIXES.items()
    for suffix in suffixes.split()
}
"""Our own, by suffix in lower case."""

_EXTRAS = {"docutils": "rst", "oxmsg": "office", "pptx": "office", "python_calamine": "office", "striprtf": "office"}
"""The extra that installs a library of rarer formats."""


def readers() -> Mapping[str, ReaderEntry]:
    """Return all readers by suffix; another package's replaces ours. Raises ``ConfigError`` if two packages bring the same."""
    return READERS | _added_readers()


@cache
def _added_readers() -> dict[str, ReaderEntry]:
    added: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        suffix = f".{entry.name.lower().lstrip('.')}"
        other = added.setdefault(suffix, entry)
        if other.value != entry.value:
            raise ConfigError(
                f"{GROUP}: expected one reader for {suffix}, found {other.value} of {_package(other)} and {entry.value} of "
                f"{_package(entry)}",
                hint="uninstall one of the two packages",
            )
        _log.info("%s files are read by %s of %s", suffix, entry.value, _package(entry))
    return {suffix: ReaderEntry(entry.value) for suffix, entry in added.items()}


def no_reader(path: Path) -> str | None:
    """Return why no reader takes a file of this name, or None."""
    return None if path.suffix.lower() in readers() else f"no reader for {path.suffix or 'files without a suffix'}"


def read(path: Path, name: str, limits: ReadingLimits) -> Document | Skipped:
    """Read a file in this process, with limits of size, pages and text; time and memory must be limited by the caller.

    Nothing is raised for the content of a file; ``ConfigError`` if its reader cannot be loaded.
    """
    if reason := no_reader(path):
        return Skipped(name, reason)
    return read_with(readers()[path.suffix.lower()].function, path, name, limits)


def read_with(function: str, path: Path, name: str, limits: ReadingLimits) -> Document | Skipped:
    """Read a file with one reader, named as ``module:function``; see ``read``."""
    reader = _load(function)
    try:
        size = path.stat().st_size
        if size > limits.max_file_mb * MEGABYTE:
            raise Unreadable(f"too large: {size / MEGABYTE:,.0f} MB, the limit is {limits.max_file_mb}")
        document = _as_document(reader(path, name, limits), name, limits) if size else None
    except Exception as error:  # a parser can fail in any way on a broken file
        return Skipped(name, _reason(error, path, limits))
    return document if document and document.text.strip() else Skipped(name, "empty")


def _as_document(read: Document | str, name: str, limits: ReadingLimits) -> Document:
    if isinstance(read, str):
        from embedtune.documents.readers.markdown import add_markdown

        builder = TextBuilder(limits.max_chars)
        add_markdown(builder, read)
        return builder.build(name)
    if not isinstance(read, Document):
        raise Unreadable(f"its reader returned a {type(read).__name__}, not a Document or Markdown")
    if len(read.text) > limits.max_chars:
        raise TooMuchText(f"more than {limits.max_chars:,} characters of text")
    return read._replace(document_id=name)


def _load(function: str) -> Reader:
    """Import a reader. Raises ``ConfigError`` if that fails."""
    module, _, name = function.partition(":")
    try:
        return cast("Reader", getattr(import_module(module), name))
    except Exception as error:  # whatever the code of a module raises
        raise ConfigError(
            f"{GROUP}: expected {function} to be a reader, found {_brief(error)}",
            hint="repair or uninstall the package that brings this reader",
        ) from error


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown package"


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


def _brief(error: Exception) -> str:
    """Name an error in one short line."""
    text = " ".join(str(error).split()).encode("utf-8", "replace").decode()
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__
