"""Errors that a user can mend, shown on the page instead of a traceback in the terminal."""

from __future__ import annotations

from collections.abc import Callable

from embedtune.errors import EmbedtuneError
from embedtune.ui.rendering import fill


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
