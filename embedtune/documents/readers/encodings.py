"""From bytes to text without guessing: a byte order mark, UTF-8, the declared encoding, or one that is certain."""

from __future__ import annotations

import codecs
from pathlib import Path

from embedtune.documents.readers.unreadable import Unreadable

_MARKS = (
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
_BESIDE_WORDS = frozenset("“”„€£©®™§°±µ«»•¡¿½¼¾²³ªº×÷‚‹›†‡‰´¨")


def read_decoded(path: Path, declared: str | None = None) -> str:
    """Read a text file; see ``decode``."""
    return decode(path.read_bytes(), declared)


def decode(data: bytes, declared: str | None = None) -> str:
    r"""Decode a file's bytes and bring its line ends to ``\n``.

    Args:
        data: All bytes.
        declared: The encoding that the file itself names, if its format has a place for that.

    Raises:
        Unreadable: If no encoding is certain, or the text holds NUL characters.
    """
    text = _decode(data, declared)
    if "\0" in text:
        raise Unreadable("not text: it holds NUL bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: str | None) -> str:
    for mark, encoding in _MARKS:
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
    found = [(index, character) for index, character in enumerate(text) if character > "\x7f"]
    held = {character for _, character in found}
    if len(found) < _FEW or not held <= _WESTERN | _BETWEEN_LETTERS | _BESIDE_WORDS:
        return None
    if "õ" in held and "ã" not in held:  # Portuguese has both; alone it is a Hungarian ő of Windows-1250
        return None
    inside = (
        character in _BESIDE_WORDS and text[index - 1 : index].isalpha() and text[index + 1 : index + 2].isalpha()
        for index, character in found
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
