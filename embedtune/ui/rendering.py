"""Templates filled with texts: whatever a text holds, it is shown as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.errors import EmbedtuneError
from embedtune.serving.excerpts import Excerpt
from embedtune.types import PATH_SEPARATOR, Passage

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"
STYLES = _TEMPLATES / "page.css"
_LONGEST = 20_000  # characters of one text on the page

EVENT: dict[str, object] = {
    # One at a time: models and tokenizers cannot be shared, and one call uses all cores anyway.
    "concurrency_id": "embedtune",
    "concurrency_limit": 1,
    "api_visibility": "private",
    "show_progress": "minimal",
}
"""How all events of the page run."""


class Piece(NamedTuple):
    """A stretch of an excerpt, and whether it is a word that the query has too."""

    text: str
    match: bool


class Shown(NamedTuple):
    """A passage, or a document, as a template shows it: its file, heading path and page, an excerpt, and its text."""

    place: str
    pieces: list[Piece]
    text: str


def fill(name: str, **values: Any) -> str:
    """Fill a template of this package."""
    return _environment().get_template(name).render(values)


def shown(passage: Passage, excerpt: Excerpt) -> Shown:
    """Return what a template shows of a passage."""
    text = passage.text
    return Shown(place_of(passage), pieces_of(excerpt), text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def pieces_of(excerpt: Excerpt) -> list[Piece]:
    """Cut an excerpt into matching words and what stands between them."""
    pieces, end = [], 0
    for start, stop in excerpt.matches:
        pieces += [Piece(excerpt.text[end:start], False), Piece(excerpt.text[start:stop], True)]
        end = stop
    return [piece for piece in (*pieces, Piece(excerpt.text[end:], False)) if piece.text]


def place_of(passage: Passage) -> str:
    """Return where a passage stands: file, heading path and page."""
    titled = f"{PATH_SEPARATOR}{passage.title}" if passage.title else ""
    page = f", page {passage.page}" if passage.page is not None else ""
    return f"{passage.document_id}{titled}{page}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def note(text: str) -> str:
    """Return a sentence as HTML."""
    return fill("message.html", kind="note", text=text, hint=None)


def message(error: EmbedtuneError) -> str:
    """Return an error and its hint as HTML."""
    return fill("message.html", kind="error", text=str(error), hint=error.hint)


def or_message(make: Callable[[], str]) -> str:
    """Return the HTML that ``make`` gives, or that of its error."""
    try:
        return make()
    except EmbedtuneError as error:
        return message(error)
