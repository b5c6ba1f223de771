"""The one exception of the readers."""

from __future__ import annotations


class Unreadable(Exception):
    """A file that cannot be used; the message is the reason, as it stands in ``skipped.tsv``."""
