"""The advice as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from embedtune.advice.result import Advice
from embedtune.errors import ResourceError
from embedtune.manifest import json_text, sync


def check_file(path: Path) -> None:
    """Refuse a file that could not be written, before minutes of work.

    Raises:
        ResourceError: If its folder is missing or cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
    except OSError as error:
        raise _refused(path, error) from error


def write_advice(advice: Advice, path: Path) -> None:
    """Write the JSON under a temporary name, sync it and rename it.

    Raises:
        ResourceError: If the disk or a permission refuses.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json_text(advice.model_dump(mode="json")), encoding="utf-8")
        sync(part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"{path}: expected a file that can be written, found: {error}", hint="choose another file with --out"
    )
