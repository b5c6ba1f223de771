"""Open a file without trusting its suffix: limits of its cost, signatures, zip archives that do not burst, decoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ReadingLimits:
    """Bounds of each file; a file beyond one is skipped, the others are read."""

    max_file_mb: int = 100  # size on disk
    max_unpacked_mb: int = 500  # size of what an archive (docx, pptx, xlsx, odt, epub) unpacks to
    max_text_mb: int = 20  # text, in millions of characters
    max_pages: int = 5000  # pages, slides or sheets
    timeout_s: float = 60.0  # of the processor; three times that by the clock
    memory_mb: int = 2048  # address space of the reading process; enforced on Linux, elsewhere not always

    @property
    def max_chars(self) -> int:
        """``max_text_mb`` in characters."""
        return self.max_text_mb * MEGABYTE


class Unreadable(Exception):
    """A file that cannot be used; the message is the reason in ``skipped.tsv``."""


OLE = b"\xd0\xcf\x11\xe0"
"""First bytes of old Office formats, Outlook messages and encrypted new Office formats."""

_LOOKS = (
    (b"version https://git-lfs", "a git-LFS pointer; run git lfs pull"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (OLE, "an OLE file, as old Office formats and encrypted new ones are"),
    (b"{\\rtf", "RTF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x7fELF", "a program"),
)
_HTML = (b"<!doctype html", b"<html")
_HEAD_BYTES = 1024


def looks_like(head: bytes) -> str:
    """Describe the first bytes of a file."""
    for signature, what in _LOOKS:
        if head.startswith(signature):
            return what
    start = head.lstrip().lower()
    if start.startswith(_HTML):
        return "HTML"
    if start.startswith(b"<?xml"):
        return "XML"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the head may end within a character
    except UnicodeDecodeError:
        return "unknown bytes"
    return "unknown bytes" if b"\0" in head else "text"


def require_signature(path: Path, signature: bytes, what: str) -> None:
    """Raise ``Unreadable``, which says what the file looks like, if a signature is not among its first bytes."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if signature not in head:
        raise Unreadable(f"not {what}: it looks like {looks_like(head)}")


_ENCRYPTED_FLAG = 0x1


@contextmanager
def open_archive(path: Path, what: str, limits: ReadingLimits) -> Iterator[ZipFile]:
    """Open a zip archive after a look at the sizes in its directory; zipfile reads no more of a member than that.

    Raises ``Unreadable`` if it is not ``what`` (such as ``a Word document``), is encrypted, or unpacks to too much.
    """
    with path.open("rb") as file:
        # Office wraps an encrypted document into an OLE file with this name in its directory.
        if file.read(len(OLE)) == OLE and "EncryptedPackage".encode("utf-16-le") in file.read():
            raise Unreadable("encrypted")
    require_signature(path, b"PK", what)
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


def check_archive(path: Path, what: str, limits: ReadingLimits, *, member: str | None = None) -> None:
    """Check an archive that a library will open by itself, and that it has a member; raises as ``open_archive`` does."""
    with open_archive(path, what, limits) as archive:
        if member and member not in archive.namelist():
            raise Unreadable(f"not {what}: a zip archive without {member}")


def read_member(archive: ZipFile, name: str, what: str) -> bytes:
    """Read one file of an archive. Raises ``Unreadable`` if it is not there."""
    try:
        return archive.read(name)
    except KeyError:
        raise Unreadable(f"not {what}: a zip archive without {name}") from None


BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SURE = 0.6  # charset-normalizer's coherence: how much the letters are those of one language
_SAMPLE_BYTES = 200_000
_OTHER_SCRIPTS = "\u0370"  # letters from Greek on are not Latin
_FEW = 3  # characters beyond ASCII prove nothing
# What Western European texts in Windows-1252 are written with. In texts of other code pages it shows letters that are not
# among these, or symbols in the midst of words.
_WESTERN = frozenset("äöüÄÖÜßéèêëÉÈÊàâÀÂçÇîïôùûœŒæøåÆØÅáíóúÁÍÓÚñÑãõÃÕìò")
_BETWEEN_LETTERS = frozenset("’‘–—…\u00a0\u00ad·")
_AROUND_WORDS = frozenset("“”„€£©®™§°±µ«»•¡¿½¼¾²³ªº×÷‚‹›†‡‰´¨")


def read_decoded(path: Path) -> str:
    """Read a text file; see ``decode``."""
    return decode(path.read_bytes())


def decode(data: bytes, declared: str | None = None) -> str:
    r"""Decode a file's bytes, by the encoding that it declares if it is not UTF-8, and bring its line ends to ``\n``.

    Raises ``Unreadable`` if no encoding is certain, or the text has NUL characters.
    """
    text = _decode(data, declared)
    if "\0" in text:
        raise Unreadable("not text: it holds NUL bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: str | None) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding).removeprefix("\ufeff")
            except UnicodeDecodeError as error:
                raise Unreadable(f"not {encoding.upper()}, as its first bytes say: {error.reason}") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if text := _as_declared(data, declared) or _as_western(data) or _as_certain(data):
            return text
        raise Unreadable(f"not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8") from None


def _as_declared(data: bytes, declared: str | None) -> str | None:
    try:
        # What calls itself Latin-1 on the web is Windows-1252, its superset (WHATWG Encoding Standard).
        return data.decode("cp1252" if codecs.lookup(declared or "").name == "iso8859-1" else declared or "")
    except (LookupError, UnicodeDecodeError, ValueError):
        return None


def _as_western(data: bytes) -> str | None:
    """Decode as Windows-1252, if everything beyond ASCII is as in Western European texts."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    beyond_ascii = [(index, character) for index, character in enumerate(text) if character > "\x7f"]
    characters = {character for _, character in beyond_ascii}
    if len(beyond_ascii) < _FEW or not characters <= _WESTERN | _BETWEEN_LETTERS | _AROUND_WORDS:
        return None
    if "õ" in characters and "ã" not in characters:  # Portuguese has both; alone it is a Hungarian ő of Windows-1250
        return None
    inside = (
        character in _AROUND_WORDS and text[index - 1 : index].isalpha() and text[index + 1 : index + 2].isalpha()
        for index, character in beyond_ascii
    )
    return None if any(inside) else text


def _as_certain(data: bytes) -> str | None:
    """Decode as charset-normalizer says, if what comes out is clearly a language of another script than ours.

    Among the code pages for Latin letters its guesses were wrong too often: Windows-1250 for English, ISO 8859-14 for Polish.
    """
    if b"\0" in data:
        return None
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    if best is None or best.coherence < _SURE or best.chaos > 0:
        return None
    try:
        text = data.decode(best.encoding)
    except UnicodeDecodeError:
        return None
    letters = [character for character in text if character.isalpha()]
    return text if 2 * sum(character >= _OTHER_SCRIPTS for character in letters) > len(letters) else None
