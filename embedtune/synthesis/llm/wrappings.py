"""The lists of texts in an answer, in the forms that models give them: JSON of any shape, XML, tables, numbered lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_FENCE = re.compile(r"```[a-z]*\s*(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_BETWEEN = " \t\r\n,;"
_MOST_VALUES, _MOST_DEPTH = 64, 8
_TEXT = ("query", "question", "text", "q", "content", "value")
_ABOUT = frozenset(
    {"type", "kind", "length", "language", "lang", "id", "number", "no", "index", "n", "count", "title", "topic", "passage",
     "source", "answer", "answers", "explanation", "reason", "reasoning", "rationale", "analysis", "thinking", "thought",
     "thoughts", "scratchpad", "plan", "draft", "drafts", "rejected", "note", "notes", "comment", "name", "role"}
)  # fmt: skip
"""Names of fields that say something about a query, or hold what is none."""
_LABELS = "quer(?:y|ies)|questions?|items?|q|li|keywords?|claims?|tasks?|multi_hop"
_XML = re.compile(rf"<((?:{_LABELS})[ _-]?\d{{0,2}})(?:\s[^<>]{{0,60}})?>([^<]{{1,600}})</", re.IGNORECASE)
_RULE = re.compile(r"\|[\s:|-]+\|")
_INLINE = re.compile(r"(?:^|\s)[*_]{0,2}\(?(\d{1,2})[.)][*_]{0,2}\s")


def json_lists(words: str) -> tuple[list[list[str] | None], bool]:
    """Return the texts of each JSON value in an answer, None for a value without, and whether other text is around them."""
    fenced = [match[1].strip() for match in _FENCE.finditer(words)]
    found, around = list[Any](), bool(fenced) and not words.strip().startswith("```")
    for body in fenced or [words]:
        values, more = _values(body)
        found += values
        around |= more
    whole = [_texts(value, 0) for value in found]
    if len(whole) > 1 and all(whole) and all(len(texts or ()) == 1 for texts in whole):
        return [[text for texts in whole for text in texts or ()]], around  # one value a line
    return whole, around


def markup_list(words: str) -> list[str] | None:
    """Return the texts of XML elements, of the rows of a table, or of a numbered list in one line; None if there are none."""
    if elements := [match[2] for match in _XML.finditer(words)]:
        return elements
    rows = [line.strip() for line in words.splitlines() if line.strip().startswith("|")]
    rules = [number for number, row in enumerate(rows) if _RULE.fullmatch(row)]
    if rules:
        return [max((cell.strip() for cell in row.strip("|").split("|")), key=len) for row in rows[rules[0] + 1 :]]
    marks = list(_INLINE.finditer(words))
    if "\n" in words or len(marks) < 2 or [int(mark[1]) for mark in marks] != list(range(1, len(marks) + 1)):
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(words)]
    return [words[mark.end() : end] for mark, end in zip(marks, ends, strict=True)]


def first_value(words: str) -> Any:
    """Return the first JSON value in an answer that is an object or a list, or None."""
    fenced = _FENCE.search(words)
    values, _ = _values(fenced[1].strip() if fenced else words)
    return next((value for value in values if isinstance(value, dict | list)), None)


def _values(body: str) -> tuple[list[Any], bool]:
    """Return the JSON values of a text one after the other, and whether there is other text."""
    values, around, at, failures = list[Any](), False, 0, 0
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    while at < len(body) and len(values) < _MOST_VALUES and not failures:
        if body[at] in _BETWEEN:
            at += 1
        elif body[at] in '{["' and (body[at] != '"' or not around):
            try:
                value, at = decoder.raw_decode(body, at)
            except (ValueError, RecursionError):
                failures, value = 1, _lenient(body[at:])
            values += [] if value is None else [value]
        else:
            around = True
            at = min((place for place in (body.find("{", at), body.find("[", at)) if place >= 0), default=len(body))
    return values, around


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Keep every value of an object that has a name twice."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        values[f"{name} {len(values)}" if name in values else name] = value
    return values


def _lenient(text: str) -> Any:
    """Read JSON with single quotes, comments or a comma too many; None if it is none."""
    import dirtyjson

    end = max(text.rfind("}"), text.rfind("]"))
    try:
        value = dirtyjson.loads(text[: end + 1])
    except Exception:  # its errors have no common class
        return None
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else None


def _texts(value: Any, depth: int) -> list[str] | None:
    if depth > _MOST_DEPTH:
        return None
    if isinstance(value, str):
        return _within(value, depth)
    if isinstance(value, list):
        parts = [_item(item, depth + 1) for item in value]
        return None if any(part is None for part in parts) else [text for part in parts for text in part or ()]
    return _of_object(value, depth) if isinstance(value, dict) else None


def _within(text: str, depth: int) -> list[str] | None:
    """Return a text, or the texts of the JSON that it holds."""
    if text.strip()[:1] in ("{", "[", '"'):
        try:
            value = json.loads(text, object_pairs_hook=_object)
        except (ValueError, RecursionError):
            return [text]
        return _texts(value, depth + 1)
    return [text]


def _item(item: Any, depth: int) -> list[str] | None:
    """Return the texts of an entry of a list; of an object that names its text, that one alone."""
    if isinstance(item, dict):
        for name in _TEXT:
            if isinstance(item.get(name), str):
                return [item[name]]
    return _texts(item, depth)


def _of_object(value: dict[str, Any], depth: int) -> list[str] | None:
    names = {name.strip().lower(): name for name in value}
    if "queries" in names:
        inner = value[names["queries"]]
        return _texts(list(inner.values()) if isinstance(inner, dict) else inner, depth + 1)
    rest = [entry for name, entry in value.items() if name.strip().lower() not in _ABOUT]
    inside = [entry for entry in (rest or value.values()) if isinstance(entry, dict | list)]
    if len(inside) == 1:
        return _texts(inside[0], depth + 1)
    if not rest and len(value) == 1:  # {"answer": "[…]"}
        (only,) = value.values()
        return _texts(only, depth + 1) if isinstance(only, str) and only.strip()[:1] in ("{", "[") else None
    parts = [_texts(entry, depth + 1) for entry in rest]
    return None if not parts or any(part is None for part in parts) else [text for part in parts for text in part or ()]
