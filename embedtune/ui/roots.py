"""What the page may reach: one folder and all that is below it, or single runs; nothing by a link, and nothing hidden."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from embedtune.errors import ConfigError
from embedtune.project.manifest import is_run
from embedtune.text.hashing import hash_text

_LONGEST = 1000
_BY_PREFIX = re.compile(r"^(hf|gguf|cross-encoder|local):")
_FREE_TEXT = frozenset({"query_prompt", "document_prompt"})


class Root:
    """Names relative to a folder, or to single runs, and the paths that they stand for.

    Attributes:
        folder: The folder that is allowed, absolute and without links; of single runs the first one.
        runs: Name → folder where runs were named; empty where a folder was.
    """

    def __init__(self, given: Sequence[Path]) -> None:
        """Allow a folder, or runs.

        Raises:
            ConfigError: If one of several is no run.
        """
        resolved = list(dict.fromkeys(path.resolve() for path in given))
        self.runs: dict[str, Path] = {}
        if len(resolved) > 1 or is_run(resolved[0]):
            for path in resolved:
                if not is_run(path):
                    raise ConfigError(
                        f"{path}: expected a run, as the others, or one folder alone, found another folder"
                    )
                name = path.name if path.name not in self.runs else f"{path.parent.name}_{path.name}"
                self.runs[name if name not in self.runs else f"{path.name}_{hash_text(str(path))[:6]}"] = path
        self.folder = resolved[0]

    @property
    def can_grow(self) -> bool:
        """Whether new runs can be made here: below a folder, not beside single runs."""
        return not self.runs

    @property
    def workplace(self) -> Path:
        """Where work starts, so that relative names of base models mean what they meant when a run was made."""
        return self.folder if self.can_grow else Path.cwd()

    def find(self, name: str) -> Path:
        """Return the existing path of a name.

        Raises:
            ConfigError: If there is none, or it is not below what is allowed.
        """
        path = self.place(name)
        if not path.exists():
            raise ConfigError(f"{name}: expected a name below the folder of this page, found nothing there")
        return path

    def place(self, name: str) -> Path:
        """Return the path of a name that may be yet to be made; raises ``ConfigError`` as ``find`` does."""
        base, parts = self._split(name)
        path = base
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise ConfigError(f"{name}: expected a file or folder, found a link, which this page does not follow")
        return path

    def name_of(self, path: Path) -> str:
        """Return the name of a path; raises ``ConfigError`` for one that is not below what is allowed."""
        for name, folder in self.runs.items() or [("", self.folder)]:
            if path == folder or folder in path.parents:
                inside = path.relative_to(folder).as_posix()
                return "/".join(part for part in (name, inside if inside != "." else "") if part)
        raise ConfigError(f"{path.name}: expected a path below the folder of this page, found one elsewhere")

    def _split(self, name: str) -> tuple[Path, list[str]]:
        if len(name) > _LONGEST or "\0" in name or "\\" in name:
            raise ConfigError(f"{name[:80]!r}: expected a name below the folder of this page, found another text")
        plain = PurePosixPath(name)
        if plain.is_absolute() or any(part == ".." or part.startswith((".", "~")) for part in plain.parts):
            raise ConfigError(
                f"{name}: expected a name below the folder of this page, without .., found one that leads elsewhere"
            )
        parts = list(plain.parts)
        if not self.runs:
            return self.folder, parts
        if not parts or parts[0] not in self.runs:
            raise ConfigError(f"{name}: expected one of the runs of this page: {', '.join(self.runs)}")
        return self.runs[parts[0]], parts[1:]

    def check_values(self, values: Any, key: str = "") -> None:
        """Refuse settings that name a place outside: an absolute path, ``..``, or a link.

        Work starts in the folder, so other names are of the folder, of a hub or of a package.

        Raises:
            ConfigError: For the first such value.
        """
        if isinstance(values, dict):
            for name, value in values.items():
                self.check_values(value, f"{key}.{name}" if key else str(name))
        elif isinstance(values, list | tuple):
            for value in values:
                self.check_values(value, key)
        elif isinstance(values, str) and key.rpartition(".")[2] not in _FREE_TEXT:
            place = _BY_PREFIX.sub("", values)
            leads_out = (
                PurePosixPath(place).is_absolute() or place.startswith("~") or ".." in PurePosixPath(place).parts
            )
            if leads_out or self._meets_link(place):
                try:
                    self.place(place)
                except ConfigError as error:
                    raise ConfigError(f"{key}: {error}", hint="copy it below the folder of this page") from error

    def _meets_link(self, place: str) -> bool:
        """Return whether a name, read as a path below the folder, goes through a link."""
        if len(place) > _LONGEST or "\0" in place:
            return False
        parts = PurePosixPath(place).parts
        return any((self.folder / Path(*parts[:end])).is_symlink() for end in range(1, len(parts) + 1))
