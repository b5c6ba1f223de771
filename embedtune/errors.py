"""Everything embedtune raises on purpose.

::

    EmbedtuneError                  exit code
    ├─ ConfigError     (ValueError)     2   a setting, a name or a command line that cannot be used
    ├─ DataError       (ValueError)     3   a file or a dataset that cannot be used
    ├─ ProviderError                    4   an LLM provider that refuses or a cost limit; all answers are kept
    ├─ ResourceError   (OSError)        5   memory, disk or permission
    ├─ InUseError                       6   another process works in this run folder
    ├─ IntegrityError                   7   what was written is not what was meant
    ├─ QualityError                   100   a measure is below the bound that was asked for
    └─ StoppedError                130, 143  asked to stop; what was done so far is saved

The second base keeps ``except ValueError`` and ``except OSError`` working for callers of the Python API. A message says
where, what was expected and what was found; the hint says what to do next. Any other exception is a bug of ours (1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

_MAX_WORD = 200  # a longer "name" is a whole text, and comparing it with every known name would take long


class EmbedtuneError(Exception):
    """Base of all errors that a user can cause or mend.

    Attributes:
        hint: What to do next, or None.
        exit_code: What the command line returns for it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(EmbedtuneError, ValueError):
    """A setting, a name or an option that cannot be used; carries every problem found, not only the first."""

    exit_code = 2

    @classmethod
    def collect(cls, where: str, problems: Sequence[str], *, hint: str | None = None) -> ConfigError:
        """Build one error from all problems of one place."""
        lines = "\n".join(f"  {problem}" for problem in problems)
        return cls(f"{where}: {len(problems)} problem{'s' * (len(problems) > 1)}\n{lines}", hint=hint)


class DataError(EmbedtuneError, ValueError):
    """A file or a dataset that cannot be used."""

    exit_code = 3

    @classmethod
    def at(cls, path: Path, line: int | None, expected: str, found: str, *, hint: str | None = None) -> DataError:
        """Build the error for one place in one file; ``line`` counts from 1."""
        where = str(path) if line is None else f"{path}:{line}"
        return cls(f"{where}: expected {expected}, found {found}", hint=hint)


class ProviderError(EmbedtuneError):
    """An LLM provider that refuses to work, or a cost limit that is reached; every answer so far is kept."""

    exit_code = 4


class ResourceError(EmbedtuneError, OSError):
    """Memory, disk space or a permission that is missing."""

    exit_code = 5


class InUseError(EmbedtuneError):
    """Another process works in this run folder."""

    exit_code = 6


class IntegrityError(EmbedtuneError):
    """What was written or loaded is not what was meant."""

    exit_code = 7


class QualityError(EmbedtuneError):
    """A model is worse than was asked for; everything has been written."""

    exit_code = 100


class StoppedError(EmbedtuneError):
    """Somebody asked to stop (Ctrl-C or a signal), and the work so far has been saved.

    Attributes:
        signal_number: Of the signal that asked to stop.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'train'?`` with the known name that is spelled most like a word, or an empty string.

    Examples:
        >>> did_you_mean("tarin", ["generate", "train", "eval"])
        "; did you mean 'train'?"
        >>> did_you_mean("search", ["generate", "train", "eval"])
        ''
    """
    names = {name.casefold(): name for name in known}
    close = get_close_matches(word[:_MAX_WORD].casefold(), names, n=1)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def missing_path(path: Path) -> str:
    """Return ``; did you mean 'docs/manual'?`` for a path that does not exist, from the names in its folder."""
    try:
        return did_you_mean(str(path), map(str, path.parent.iterdir()))
    except OSError:
        return ""
