"""What the doctor found, one row for each thing it looked at."""

from __future__ import annotations

from typing import NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"
REINSTALL = "reinstall: pip install --force-reinstall "


class Row(NamedTuple):
    """One thing that was looked at.

    Attributes:
        name: What it is.
        status: ``ok``, ``warn`` (something will not work, or worse) or ``fail`` (embedtune cannot work here).
        found: What was found, for people; never the value of a key.
        next: What to do; empty when all is well.
    """

    name: str
    status: str
    found: str
    next: str = ""


def shown(error: Exception) -> str:
    """Show an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
