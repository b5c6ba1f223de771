"""What the doctor found, one row for each thing it looked at."""

from __future__ import annotations

from typing import NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"
REINSTALL = "reinstall: pip install --force-reinstall "


class Row(NamedTuple):
    """One thing that was looked at."""

    name: str  # what it is
    status: str  # ok, warn (something will not work, or worse) or fail (embedtune cannot work here)
    found: str  # what was found, for people; never the value of a key
    next: str = ""  # what to do; empty when all is well


def shown(error: Exception) -> str:
    """Show an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
