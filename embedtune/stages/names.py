"""Names of files: those that systems and query sets give, and that of the report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

PAGE = "report.html"
"""The report of an evaluation, and of each of its query sets where there are several."""


def file_name(name: str) -> str:
    """Return a name that can be a file's anywhere: ``BAAI/bge-small-en`` becomes ``BAAI_bge-small-en``."""
    return re.sub(r"[^\w.+-]+", "_", name)


def doubles(names: Sequence[str]) -> list[str]:
    """Return the names whose file would be another's too, each once; case is not told apart, as on some disks."""
    counts = Counter(file_name(name).casefold() for name in names)
    return list(dict.fromkeys(name for name in names if counts[file_name(name).casefold()] > 1))
