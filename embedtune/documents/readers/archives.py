"""Zip archives that documents are made of, opened only if they will not burst."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from embedtune.documents.limits import MEGABYTE, ReadingLimits
from embedtune.documents.readers.signatures import demand
from embedtune.documents.readers.unreadable import Unreadable

_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED_FLAG = 0x1


@contextmanager
def open_archive(path: Path, what: str, limits: ReadingLimits) -> Iterator[ZipFile]:
    """Open a zip archive after looking at what it says it holds; zipfile reads no more of a member than that.

    Args:
        path: The file.
        what: With its article, what it should be, for example ``a Word document``.
        limits: ``max_unpacked_mb`` is kept.

    Raises:
        Unreadable: If it is no archive, is encrypted, or unpacks to too much.
    """
    _refuse_encrypted(path)
    demand(path, b"PK", what)
    try:
        archive = ZipFile(path)
    except BadZipFile as error:
        raise Unreadable(f"not {what}: a broken zip archive ({error})") from None
    with archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > limits.max_unpacked_mb * MEGABYTE:
            raise Unreadable(
                f"it unpacks to {unpacked / MEGABYTE:,.0f} MB, the limit is {limits.max_unpacked_mb} (a zip bomb?)"
            )
        if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
            raise Unreadable("encrypted")
        yield archive


def read_member(archive: ZipFile, name: str, what: str) -> bytes:
    """Read one file of an archive.

    Raises:
        Unreadable: If it is not there.
    """
    try:
        return archive.read(name)
    except KeyError:
        raise Unreadable(f"not {what}: a zip archive without {name}") from None


def _refuse_encrypted(path: Path) -> None:
    """Office wraps an encrypted document into an OLE file with this name in its directory."""
    with path.open("rb") as file:
        if file.read(len(_OLE)) == _OLE and "EncryptedPackage".encode("utf-16-le") in file.read():
            raise Unreadable("encrypted")
