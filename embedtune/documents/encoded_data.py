"""Leave out encoded data, such as a picture as base64 in the midst of a text: nobody searches for it, and no model reads it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from embedtune.types import Document, Note, Skipped

_LEAST = 200  # characters; keys and checksums are shorter
_LINE = r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{48,}={0,2}"
# A last line may be short: it has a digit or a mark, or fills up with =.
_RUN = re.compile(
    rf"(?:data:[\w.+/-]{{1,80}};base64,\s*)?{_LINE}(?:\s+{_LINE})*"
    r"(?:\s+(?=[A-Za-z0-9+/]*[0-9+/=])[A-Za-z0-9+/]{1,47}={0,2}(?![\w+/]))?"
)
_HEX = re.compile(r"[0-9a-f\s]+|[0-9A-F\s]+")
_MIN_SHARE = 0.08  # of capitals, of small letters and of digits: base64 has 40 %, 40 % and 16 %


def without_encoded_data(document: Document) -> Document:
    """Return a document without encoded data, and with a note that says how much of it there was."""
    spans = list(_encoded(document.text))
    if not spans:
        return document
    keep = [0, *(place for span in spans for place in span), len(document.text)]
    kept = [(keep[number], keep[number + 1]) for number in range(0, len(keep), 2)]
    starts = [start for start, _ in kept]
    before = [0]
    for start, end in kept:
        before.append(before[-1] + end - start)

    def moved(place: int) -> int:
        number = bisect_right(starts, place) - 1
        start, end = kept[number]
        return before[number] + min(place, end) - start

    n_lost = len(document.text) - before[-1]
    return document._replace(
        text="".join(document.text[start:end] for start, end in kept),
        sections=tuple(each._replace(start=moved(each.start), end=moved(each.end)) for each in document.sections),
        pages=tuple(map(moved, document.pages)),
        notes=(*document.notes, encoded_note(n_lost)),
    )


def read_ones(read: Iterable[Document | Skipped], skipped: list[Skipped], notes: list[Note]) -> Iterator[Document]:
    """Yield the documents without encoded data; what was skipped, and what is to be known of the others, is noted."""
    for result in read:
        if isinstance(result, Skipped):
            skipped.append(result)
            continue
        document = without_encoded_data(result)
        if document.text.strip() or document.title or not document.notes:
            notes += [Note(document.document_id, note) for note in document.notes]
            yield document._replace(notes=())
        else:
            skipped.append(Skipped(document.document_id, f"empty: {'; '.join(document.notes)}"))


def encoded_note(n_characters: int) -> str:
    """Return what a person should know about so many characters that were left out."""
    return f"{n_characters:,} characters of encoded data (base64 or hexadecimal) were left out"


def text_without_encoded_data(text: str) -> str:
    """Return a text without encoded data."""
    return without_encoded_data(Document("", "", text)).text


def _encoded(text: str) -> Iterator[tuple[int, int]]:
    for match in _RUN.finditer(text):
        if len(match[0]) >= _LEAST and _is_encoded(match[0]):
            yield match.span()


def _is_encoded(run: str) -> bool:
    """Return whether a long run of letters and digits is no word, path or sequence: it mixes them as chance does."""
    if _HEX.fullmatch(run):
        return any(map(str.isdigit, run)) and any(map(str.isalpha, run))
    shares = [sum(map(kind, run)) for kind in (str.isupper, str.islower, str.isdigit)]
    return min(shares) >= _MIN_SHARE * len(run)
