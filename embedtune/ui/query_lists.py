"""Queries from a text file or the CSV of a search log: what stands there twice, and what may be about a person.

Nothing of it is sent anywhere. Names of people cannot be recognised by rules; a person has to look.
"""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from embedtune.documents.text_builder import one_line
from embedtune.errors import ConfigError
from embedtune.redaction import redact
from embedtune.shown import without_commands

MAX_QUERIES = 2_000
_MOST_CHARS = 10_000  # of a cell
_COLUMNS = ("query", "queries", "search", "search_term", "search_query", "q", "term", "keyword", "keywords", "anchor",
            "question", "phrase", "text")  # fmt: skip
_DELIMITERS = ",;\t|"
_PERSONAL = {
    "an e-mail address": re.compile(r"[\w.+-]@[\w-]{1,63}\.\w"),
    "a telephone or account number": re.compile(r"(?<!\d)\+?\d(?:[ ()/.-]{0,2}\d){7,18}(?!\d)"),
    "an IBAN": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}"),
    "an IP address": re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"),
    "an address of a page": re.compile(r"https?://\S"),
}


class Listed(NamedTuple):
    """A query of a list; ``times``: how often it stands there; ``personal``: what in it may be about a person, or a secret."""

    text: str
    times: int
    personal: tuple[str, ...]


def read_queries(content: str) -> list[Listed]:
    """Return the queries of a list, in their order, each once.

    Letter case and white space do not tell two queries apart. Of a table with a head the column of queries is taken.

    Raises:
        ConfigError: If there is no query, or there are too many.
    """
    counts: dict[str, list[str]] = {}
    for line in _texts(content):
        if text := one_line(without_commands(line)):
            counts.setdefault(" ".join(text.casefold().split()), []).append(text)
    if not counts:
        raise ConfigError("queries: expected one a line, found none")
    if len(counts) > MAX_QUERIES:
        raise ConfigError(
            f"queries: expected at most {MAX_QUERIES:,}, found {len(counts):,}",
            hint="a random sample of a search log is as good a test set, and is judged in a lifetime",
        )
    return [Listed(texts[0], len(texts), personal_in(texts[0])) for texts in counts.values()]


def personal_in(text: str) -> tuple[str, ...]:
    """Return what a text holds that may be about a person, in words.

    Examples:
        >>> personal_in("invoice of ada@example.org"), personal_in("how do I get a refund")
        (('an e-mail address',), ())
    """
    found = [what for what, pattern in _PERSONAL.items() if pattern.search(text)]
    return (*found, *(["a key or password"] if redact(text) != text else []))


def _texts(content: str) -> list[str]:
    lines = content.lstrip("\ufeff").splitlines()
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=head.count)
    names = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in next(csv.reader([head], delimiter=delimiter), [])]
    column = next((names.index(name) for name in _COLUMNS if name in names), None)
    if column is None:
        return lines
    rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    try:
        table = [row for row in rows if row]
    except csv.Error as error:
        raise ConfigError(f"queries: expected a table with a column {names[column]}, found: {error}") from error
    longest = max((len(cell) for row in table for cell in row), default=0)
    if longest > _MOST_CHARS:
        raise ConfigError(
            f"queries: expected a table with a column {names[column]}, found a cell of {longest:,} characters",
            hint="a quotation mark that is not closed swallows the lines below it",
        )
    return [row[column] for row in table[1:] if column < len(row)]
