"""Packages that an extra installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embedtune.errors import ConfigError


@contextmanager
def requires(install: str, *, where: str = "embedtune") -> Iterator[None]:
    """Turn an import that fails inside into an error that says what to install.

    Args:
        install: What pip installs, such as ``embedtune[ui]``.
        where: Start of the message: the option or module that needs the package.

    Raises:
        ConfigError: If a package is missing.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"{where}: expected the packages of {install}, found: {error}", hint=f'pip install "{install}"'
        ) from error
