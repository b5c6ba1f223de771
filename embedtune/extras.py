"""Packages that an extra installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embedtune.errors import ConfigError


@contextmanager
def requires(install: str, *, where: str = "embedtune") -> Iterator[None]:
    """Turn an import that fails inside into a ConfigError that says what to install.

    ``install`` is what pip installs, such as ``embedtune[ui]``; ``where`` is the option or module that needs it.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"{where}: expected the packages of {install}, found: {error}", hint=f'pip install "{install}"'
        ) from error
