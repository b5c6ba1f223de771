"""The form of an answer: a JSON schema with the number of its strings and their lengths, and the tokens that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedtune.llm.room import CHARS_PER_TOKEN
from embedtune.synthesis.llm.prompts import Wanted

BEST, RELEVANT = 5, 2
"""The highest grades: of a query by the judge, and of a passage that answers a query."""

_LEAST_CHARS = 4  # of a query
_FRAME_TOKENS, _STRING_TOKENS, _GRADE_TOKENS = 24, 8, 6


def queries_schema(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """Return the schema of an answer with exactly these queries, none longer than the longest may be."""
    text = {"type": "string", "minLength": _LEAST_CHARS, "maxLength": max(want.max_chars for want in wanted)}
    return _object("queries", text, len(wanted))


def grades_schema(n: int, most: int) -> dict[str, Any]:
    """Return the schema of an answer with ``n`` grades from 0 to ``most``."""
    return _object("grades", {"type": "integer", "minimum": 0, "maximum": most}, n)


def tokens_for(schema: Mapping[str, Any], *, framed: bool = True) -> int:
    """Return the tokens that an answer of this form can need, before its model was measured (see ``llm.room``).

    Without a frame its texts stand alone.
    """
    (entries,) = schema["properties"].values()
    chars: int | None = entries["items"].get("maxLength")
    n: int = entries["maxItems"]
    each = _GRADE_TOKENS if chars is None else _STRING_TOKENS + chars / CHARS_PER_TOKEN
    return framed * _FRAME_TOKENS + round(n * each)


def _object(name: str, entry: dict[str, Any], n: int) -> dict[str, Any]:
    entries = {"type": "array", "items": entry, "minItems": n, "maxItems": n}
    return {"type": "object", "properties": {name: entries}, "required": [name], "additionalProperties": False}
