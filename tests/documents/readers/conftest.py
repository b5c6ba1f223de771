"""Files made by code, one builder for each format that needs one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from embedtune.documents.readers import read
from embedtune.documents.readers.files import ReadingLimits
from embedtune.types import Document, Skipped

ReadBytes = Callable[..., Document | Skipped]


@pytest.fixture
def read_bytes(tmp_path: Path) -> ReadBytes:
    """Return a function that writes a file and reads it: ``read_bytes(name, data, **limits)``."""

    def read_written(name: str, data: bytes | str, **limits: float) -> Document | Skipped:
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read(path, name, ReadingLimits(**limits))

    return read_written


@pytest.fixture
def zipped() -> Callable[[dict[str, str]], bytes]:
    def pack(members: dict[str, str]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        return buffer.getvalue()

    return pack


@pytest.fixture
def parts() -> Callable[[Document], list[tuple[str, str]]]:
    """Return a function that gives the heading path and the text of each section."""
    return lambda document: [
        (" › ".join(section.headings), document.text[section.start : section.end]) for section in document.sections
    ]
