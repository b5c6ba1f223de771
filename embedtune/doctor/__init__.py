"""Check the installation: one row per part with what was found and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from embedtune.doctor import library_rows, machine_rows, model_rows
from embedtune.doctor.rows import FAIL, OK, REINSTALL, WARN, Row, shown
from embedtune.errors import EmbedtuneError

__all__ = ["FAIL", "OK", "WARN", "Row", "examine", "exit_code", "tried"]

_RESOURCES = ("memory", "disk", "folder")


def examine(run: Path | None = None) -> list[Row]:
    """Look at the machine, the libraries, the models and, if given, a run folder; takes a few seconds and never raises.

    The folder need not exist; disk and permission are checked there, else in the current folder.
    """
    folder = run or Path()
    checks: list[tuple[str, Callable[[], list[Row]]]] = [
        ("python", machine_rows.python),
        ("libraries", library_rows.libraries),
        ("cores", machine_rows.cores),
        ("instructions", machine_rows.instructions),
        ("gpu", machine_rows.gpu),
        ("memory", machine_rows.memory),
        ("disk", lambda: machine_rows.disk(folder)),
        ("folder", lambda: machine_rows.folder(folder)),
        ("keys", machine_rows.keys),
        ("base model", model_rows.base_model),
        ("models offline", model_rows.models),
        ("tokenizers", library_rows.tokenizers),
        ("faiss", library_rows.faiss),
        ("bm25s", library_rows.bm25),
        ("quantised training", library_rows.quantisation),
        ("extras", library_rows.extras),
    ]
    if run is not None:
        checks.append(("run", lambda: model_rows.run(run)))
    return [row for name, check in checks for row in tried(name, check)]


def exit_code(rows: Sequence[Row]) -> int:
    """Return 0 if embedtune can work, 5 if memory, disk or permission forbid it, else 2."""
    failed = [row.name for row in rows if row.status == FAIL]
    if not failed:
        return 0
    return 5 if any(name in _RESOURCES for name in failed) else 2


def tried(name: str, check: Callable[[], list[Row]]) -> list[Row]:
    """Run one check; what it raises is its finding, because a broken library may raise anything."""
    try:
        return check()
    except EmbedtuneError as error:
        return [Row(name, FAIL, str(error), error.hint or "")]
    except Exception as error:
        return [Row(name, FAIL, shown(error), REINSTALL + "embedtune and its libraries")]
