"""What servers and stores call the model of a run."""

from __future__ import annotations

import re

_SHORTEST_NAME, _LONGEST_NAME = 3, 60


def served_name(name: str) -> str:
    """Return a name that servers and stores take, of lower case letters, digits, ``.``, ``_`` and ``-``.

    Chroma wants three characters at least, and letters or digits at the ends.

    Examples:
        >>> served_name("My Run!"), served_name("qs")
        ('my-run', 'run-qs')
    """
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:_LONGEST_NAME].strip("-._") or "tuned"
    return plain if len(plain) >= _SHORTEST_NAME else f"run-{plain}"
