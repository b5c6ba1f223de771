"""JSON, JSON lines and Jupyter notebooks: objects become ``name: value`` lines, long values paragraphs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embedtune.documents.readers.files import ReadingLimits, Unreadable, read_decoded
from embedtune.documents.readers.markdown import add_markdown
from embedtune.documents.text_builder import TextBuilder, one_line
from embedtune.types import Document

_LONG_CHARS = 200  # a longer value is a paragraph of its own
_MAX_HEADING_LEVEL = 3  # names of objects deeper within are prefixes, not headings


def read_json(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a JSON file; names of inner objects and lists are headings, each entry of a list is a row."""
    builder = TextBuilder(limits.max_chars)
    _add(builder, _parse(read_decoded(path)), level=1)
    return builder.build(name)


def read_json_lines(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a file of JSON lines; each line is a row."""
    builder = TextBuilder(limits.max_chars)
    for number, line in enumerate(read_decoded(path).split("\n"), start=1):
        if line.strip():
            _add_row(builder, _parse(line, where=f" in line {number}"))
    return builder.build(name)


def _parse(text: str, where: str = "", what: str = "JSON") -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not {what}: {error.msg}{where or f' in line {error.lineno}'}") from None
    except ValueError as error:  # a number of more than 4,300 digits
        raise Unreadable(f"not usable JSON: {error}{where}") from None


def _add(builder: TextBuilder, value: Any, level: int) -> None:
    if isinstance(value, list):
        for entry in value:
            _add_row(builder, entry)
    elif isinstance(value, dict) and level <= _MAX_HEADING_LEVEL:
        inner = {
            key: inside
            for key, inside in value.items()
            if inside and isinstance(inside, dict | list) and not _is_flat(inside)
        }
        _add_row(builder, {key: inside for key, inside in value.items() if key not in inner})
        for key, inside in inner.items():
            builder.heading(level, key)
            _add(builder, inside, level + 1)
    else:
        _add_row(builder, value)


def _add_row(builder: TextBuilder, value: Any) -> None:
    """Add one record as a line; its long texts follow as paragraphs."""
    pairs: list[str] = []
    _flatten(value, "", pairs)
    builder.block("; ".join(pair for pair in pairs if len(pair) <= _LONG_CHARS))
    for pair in pairs:
        if len(pair) > _LONG_CHARS:
            builder.block(pair)


def _flatten(value: Any, name: str, pairs: list[str]) -> None:
    if isinstance(value, dict):
        for key, inside in value.items():
            _flatten(inside, f"{name}.{key}" if name else key, pairs)
    elif isinstance(value, list) and not _is_flat(value):
        for inside in value:
            _flatten(inside, name, pairs)
    else:
        text = ", ".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
        if text:
            pairs.append(f"{name}: {text}" if name else text)


def _is_flat(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(inside, dict | list) for inside in value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value.strip() if len(value) > _LONG_CHARS else one_line(value)
    return "" if value is None else json.dumps(value)


def read_notebook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a notebook of format 4, or of format 3 with its worksheets."""
    builder = TextBuilder(limits.max_chars)
    for cell in _cells(_parse(read_decoded(path), what="a notebook")):
        source = cell.get("source", cell.get("input", ""))
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        match cell.get("cell_type"):
            case "markdown":
                add_markdown(builder, text)
            case "heading":
                builder.heading(int(cell.get("level", 1)), text)
            case "code":
                builder.code(text)
            case _:
                builder.block(text)
    return builder.build(name)


def _cells(notebook: Any) -> list[dict[str, Any]]:
    if isinstance(notebook, dict):
        sheets = notebook.get("worksheets", [notebook])
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells") or ()]
        if cells and all(isinstance(cell, dict) for cell in cells):
            return cells
    raise Unreadable("not a notebook: expected an object with cells")
