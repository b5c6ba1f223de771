"""Files that are dropped on the page: announced first, counted and measured before and while they come.

They go into a new folder below the root. Nothing that is there is changed. What is in them is read later, in the sandbox, by
the stage that reads any documents.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from embedtune.errors import ConfigError, ResourceError
from embedtune.regular import remove_folder
from embedtune.ui.roots import Root

UPLOADS_PATH = "/uploads/"
"""Below it files are sent, whose bytes are counted while they arrive."""

MAX_FILES = 5_000
MAX_BYTES = 1_000_000_000
MAX_FILE_BYTES = 200_000_000
_FOLDER = "documents"
_MOST_OPEN = 20  # announcements that are not yet used
_DEEPEST = 50  # folders of a name
_LONGEST = 200  # bytes of a name, so that every file system takes it


class Announced(BaseModel):
    """A file that will come: its name, with folders before it, and its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=2000)
    size: int = Field(ge=0)


class _Upload:
    def __init__(self, folder: Path, files: dict[str, int]) -> None:
        self.folder = folder
        self.waiting = files
        self.kept = 0


class Uploads:
    """Folders of dropped files below one root."""

    def __init__(self, root: Root) -> None:
        """Take files into the root."""
        self._root = root
        self._open: dict[str, _Upload] = {}

    def announce(self, files: Sequence[Announced]) -> str:
        """Return the id under which announced files are taken; nothing is written yet.

        Raises:
            ConfigError: If they are too many, too large, or have a name that is no plain path; then none is taken.
        """
        if not self._root.can_grow:
            raise ConfigError("expected a page over a folder, found one over single runs: start embedtune ui FOLDER")
        if not files:
            raise ConfigError("expected a file or more, found none")
        if len(files) > MAX_FILES:
            raise ConfigError(
                f"expected at most {MAX_FILES:,} files, found {len(files):,}; none was taken",
                hint="copy them below the folder of this page, and choose that folder",
            )
        large = [each for each in files if each.size > MAX_FILE_BYTES]
        total = sum(each.size for each in files)
        if large or total > MAX_BYTES:
            raise ConfigError(
                f"expected at most {MAX_BYTES:,} bytes in all and {MAX_FILE_BYTES:,} in a file, found {total:,}"
                + (f" and {large[0].size:,} in {large[0].name[:80]!r}" if large else "")
                + "; none was taken",
                hint="copy them below the folder of this page, and choose that folder",
            )
        names = [_plain(each.name) for each in files]
        known = set(names)
        if len(known) < len(names):
            raise ConfigError("expected files of different names, found two of one name; none was taken")
        if double := next(
            (name for name in names for above in PurePosixPath(name).parents if str(above) in known), None
        ):
            raise ConfigError(
                f"{double[:80]!r}: expected folders above it, found that one is a file too; none was taken"
            )
        while len(self._open) >= _MOST_OPEN:
            del self._open[next(iter(self._open))]
        number = secrets.token_urlsafe(12)
        self._open[number] = _Upload(self._new_folder(), dict(zip(names, (each.size for each in files), strict=True)))
        return number

    async def take(self, number: str, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Write an announced file while it comes.

        Raises:
            ConfigError: If it was not announced, or is longer or shorter than announced; then nothing of it is left.
            ResourceError: If it cannot be written.
        """
        upload, plain = self._find(number), _plain(name)
        if plain not in upload.waiting:
            raise ConfigError(f"{plain[:80]}: expected a file that was announced, found another; it was not taken")
        size = upload.waiting.pop(plain)
        path = upload.folder / plain
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            taken = await _write(path, size, chunks)
        except OSError as error:
            raise ResourceError(
                f"{plain}: expected to write it, found: {error.strerror}", hint="free disk space"
            ) from error
        if not taken:
            raise ConfigError(f"{plain[:80]}: expected the {size:,} bytes that were announced, found another number")
        upload.kept += 1

    def finish(self, number: str) -> str:
        """Return the name of the folder once all files are there.

        Raises:
            ConfigError: If one is missing.
        """
        upload = self._find(number)
        if upload.waiting or not upload.kept:
            remove_folder(upload.folder)
            del self._open[number]
            raise ConfigError(f"expected all files, found {len(upload.waiting)} missing; nothing was kept")
        del self._open[number]
        return self._root.name_of(upload.folder)

    def _find(self, number: str) -> _Upload:
        if number not in self._open:
            raise ConfigError("expected files that were announced, found others; nothing was taken")
        return self._open[number]

    def _new_folder(self) -> Path:
        for count in range(1, 10_000):
            folder = self._root.place(_FOLDER if count == 1 else f"{_FOLDER}-{count}")
            if not os.path.lexists(folder) and all(folder != upload.folder for upload in self._open.values()):
                return folder
        raise ConfigError(f"expected a free name for a folder, found {_FOLDER} to {_FOLDER}-9999 taken")


async def _write(path: Path, size: int, chunks: AsyncIterator[bytes]) -> bool:
    """Write a new file; return whether it has the size, and leave nothing of one that has not."""
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            async for chunk in chunks:
                count += len(chunk)
                if count > size:
                    break
                file.write(chunk)
    finally:
        if count != size:
            with suppress(OSError):
                path.unlink()
    return count == size


def _plain(name: str) -> str:
    """Return a relative path without tricks, which no system takes for another one."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    hidden = any(part in ("..", "/") or part.startswith(".") for part in parts)
    odd = any(
        len(part.encode("utf-8", "replace")) > _LONGEST or not part.isprintable() or ":" in part for part in parts
    )
    if not 1 <= len(parts) <= _DEEPEST or hidden or odd:
        raise ConfigError(
            f"{name[:80]!r}: expected a plain file name, found one that is hidden or leads elsewhere; none was taken"
        )
    return "/".join(parts)
