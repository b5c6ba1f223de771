"""Packages that an extra brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embedtune.errors import ConfigError


@contextmanager
def brought_by(extra: str) -> Iterator[None]:
    """Name the extra where an import inside fails.

    Raises:
        ConfigError: With the line that installs it.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"embedtune.integrations: expected the packages of the extra {extra}, found: {error}",
            hint=f'pip install "embedtune[{extra}]"',
        ) from error
