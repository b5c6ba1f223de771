"""Jupyter notebooks: Markdown and code cells in order; what the code printed is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.files import Unreadable, read_decoded
from embedtune.documents.readers.markdown import add_markdown
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document


def read_notebook(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a notebook of format 4, or of format 3 with its worksheets."""
    try:
        notebook = json.loads(read_decoded(path))
    except json.JSONDecodeError as error:
        raise Unreadable(f"not a notebook: {error.msg} in line {error.lineno}") from None
    builder = TextBuilder(limits.max_chars)
    for cell in _cells(notebook):
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
