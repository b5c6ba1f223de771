"""Read queries and grades from a model's text: JSON by schema, else tolerantly; what is no query is classified."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from embedtune.llm.failures import REFUSAL

EMPTY, CUT_OFF, BROKEN, WRONG_COUNT = "empty", "cut_off", "broken", "wrong_count"

_THINKING = re.compile(r"<(/?)(think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"```[a-z]*\s*(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_ITEM = re.compile(
    r"(?:[-*•–]|[*_]{0,2}\(?\d{1,2}[.):][*_]{0,2}|"
    r"[*_]{0,2}(?:question|query|q|frage|pregunta|requête) ?\d{0,3} ?[:.)][*_]{0,2})\s",
    re.IGNORECASE,
)
_MARKS = "\"'“”„«»`*_"
_START = re.compile(rf"(?:[\s{_MARKS}]++|{_ITEM.pattern})*+", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_CHARS, _CHARS_PER_QUERY = 8_000, 2_000
"""Of an answer that are read: beyond them it is not what was asked for."""
_PREAMBLE = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|here (?:are|is)|below (?:are|is)|the following|these are|voici|hier (?:sind|ist)|"
    r"aquí (?:están|tienes)|ecco)\b.*(?:[:!.]|quer(?:y|ies)|questions?|fragen?|preguntas?)\s*$|^[^?]{3,120}:$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:let me know|i hope|hope this|feel free|note:|please note|these (?:queries|questions))\b", re.IGNORECASE
)
_REFUSAL = re.compile(
    r"^(?:i['’]?m sorry|i am sorry|sorry,|i apologi[sz]e|unfortunately,? i|i (?:cannot|can['’]?t|can not|won['’]?t|"
    r"am (?:not able|unable)|['’]?m (?:not able|unable))\b|as an? (?:ai|language model)|i do not have (?:access|the ability)|"
    r"es tut mir leid|leider kann ich|ich kann (?:das|dabei|diese[nrs]?|ihnen|dir)\b.*nicht|je suis désolée?|désolée?,|"
    r"je ne peux pas|lo siento|no puedo|mi dispiace|non posso|desculpe|não posso|извините|я не могу|"
    r"抱歉|对不起|很抱歉|我无法|申し訳|すみません)",
    re.IGNORECASE,
)


class Reading(NamedTuple):
    """The content of an answer."""

    texts: tuple[str, ...] = ()  # the queries, in order; none where there is a fault
    fault: str | None = None  # empty, refusal, cut_off, broken or wrong_count; None for a usable answer
    preamble: bool = False  # whether there was text around the queries


class QueriesAnswer(BaseModel):
    """The form of an answer with queries; its JSON schema is sent to servers that take one."""

    model_config = ConfigDict(extra="forbid")
    queries: list[str]


class GradesAnswer(BaseModel):
    """The form of an answer with grades."""

    model_config = ConfigDict(extra="ignore")
    grades: list[int]


def read_queries(text: str, *, finish: str, n: int) -> Reading:
    """Read the ``n`` queries of an answer that ended with ``stop``, ``length`` or ``refusal``.

    Examples:
        >>> read_queries('Here you go: {"queries": ["cold tap water", "fill the tank"]}', finish="stop", n=2).texts
        ('cold tap water', 'fill the tank')
        >>> read_queries("I'm sorry, I cannot help with that.", finish="stop", n=2).fault
        'refusal'
    """
    words = _bare(text, n)
    cut_off = finish == "length"
    if finish == "refusal" or _REFUSAL.match(words):
        return Reading(fault=REFUSAL)
    if not words:
        return Reading(fault=CUT_OFF if cut_off else EMPTY)
    value, around = _json_in(words)
    if value is not None:
        return _checked(_strings(value), n, preamble=around)
    if "{" in words or words.startswith(("[", "<")):
        torn = cut_off or not words.endswith(("}", "]", "```", ">"))
        return Reading(fault=CUT_OFF if torn else BROKEN)
    lines, around = _lines(words)
    return Reading(fault=CUT_OFF) if cut_off else _checked(lines, n, preamble=around)


def read_grades(text: str, *, finish: str, n: int, most: int) -> tuple[list[int], str | None]:
    """Read ``n`` grades from 0 to ``most``; returns them, or the fault."""
    words = _bare(text, n)
    if finish == "refusal" or _REFUSAL.match(words):
        return [], REFUSAL
    value, _ = _json_in(words)
    try:
        grades = GradesAnswer.model_validate({"grades": value} if isinstance(value, list) else value or {}).grades
    except ValidationError:
        return [], CUT_OFF if finish == "length" else EMPTY if not words else BROKEN
    if len(grades) != n:
        return [], WRONG_COUNT
    return ([], BROKEN) if any(not 0 <= grade <= most for grade in grades) else (grades, None)


def clean(text: str) -> str:
    """Return a query on one line, without numbering, quotes and emphasis."""
    text = " ".join(text.split())
    start = _START.match(text)
    return text[start.end() if start else 0 :].strip(f" {_MARKS}")


def _bare(text: str, n: int) -> str:
    """Return an answer without what the model thought, as much of it as ``n`` queries can take."""
    kept, end, open_at, opened = [], 0, 0, ""
    closed = {}  # last place of each closing tag, so that what is never closed is read as text
    tags = list(_THINKING.finditer(text))
    for tag in tags:
        if tag[1]:
            closed[tag[2].lower()] = tag.start()
    for tag in tags:
        name = tag[2].lower()
        if not opened and not tag[1] and closed.get(name, -1) > tag.start():
            opened, open_at = name, tag.start()
        elif opened == name and tag[1]:
            kept.append(text[end:open_at])
            opened, end = "", tag.end()
    kept.append(text[end:])
    return "".join(kept).strip()[: _CHARS + n * _CHARS_PER_QUERY]


def _json_in(words: str) -> tuple[Any, bool]:
    """Return the first JSON value in a text and whether there is text around it; None if there is none."""
    fenced = _FENCE.search(words)
    body = fenced.group(1).strip() if fenced else words
    start = min((place for place in (body.find("{"), body.find("[")) if place >= 0), default=-1)
    if start < 0:
        return None, False
    around = bool(fenced and words[: fenced.start()].strip()) or start > 0
    try:
        value, end = json.JSONDecoder().raw_decode(body, start)
    except (ValueError, RecursionError):
        return _lenient(body[start:]), around
    return (value, around or bool(body[end:].strip())) if isinstance(value, dict | list) else (None, around)


def _lenient(text: str) -> Any:
    """Read JSON with single quotes, comments or a comma too many; None if it is none."""
    import dirtyjson

    end = max(text.rfind("}"), text.rfind("]"))
    try:
        value = dirtyjson.loads(text[: end + 1])
    except Exception:  # its errors have no common class
        return None
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else None


def _strings(value: Any) -> list[str] | None:
    """Return the queries of a JSON value in any of the forms that models give it."""
    if isinstance(value, dict):
        lists = [entry for entry in value.values() if isinstance(entry, list)]
        value = value.get("queries", lists[0] if len(lists) == 1 else [value] if _text_of(value) else None)
        if isinstance(value, dict):
            value = list(value.values())
    if not isinstance(value, list):
        return None
    texts = [_text_of(item) for item in value]
    return None if any(text is None for text in texts) else [text for text in texts if text is not None]


def _text_of(item: Any) -> str | None:
    if isinstance(item, dict):
        texts = (item.get(name) for name in ("query", "question", "text", "q"))
        item = next((text for text in texts if isinstance(text, str)), None)
    return item if isinstance(item, str) else None


def _lines(words: str) -> tuple[list[str] | None, bool]:
    """Read one query a line; with numbers or bullets, only what has one."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    items = [line for line in lines if _ITEM.match(line)]
    kept = items or [line for line in lines if not _PREAMBLE.match(line) and not _CLOSING.match(line)]
    return kept or None, len(kept) < len(lines)


def _checked(texts: Iterable[str] | None, n: int, *, preamble: bool) -> Reading:
    if texts is None:
        return Reading(fault=BROKEN)
    cleaned = [clean(text) for text in texts]
    if any(_REFUSAL.match(text) and len(text) > 25 for text in cleaned):
        return Reading(fault=REFUSAL)
    if any(_CONTROL.search(text) for text in cleaned):
        return Reading(fault=BROKEN)
    kept = [text for text in cleaned if text and text != "…" and not _PREAMBLE.match(text)]
    if len(kept) != n:
        return Reading(fault=WRONG_COUNT)
    return Reading(tuple(kept), None, preamble or len(kept) < len(cleaned))
