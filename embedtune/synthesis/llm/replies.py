"""Read queries and grades from a model's text: JSON by schema, else tolerantly; what is no query is classified."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from embedtune.llm.failures import REFUSAL
from embedtune.llm.store import Answer, Call
from embedtune.synthesis.llm.thoughts import without_thoughts
from embedtune.synthesis.llm.wrappings import first_value, json_lists, markup_list

EMPTY, CUT_OFF, BROKEN, WRONG_COUNT, ONLY_THOUGHTS = "empty", "cut_off", "broken", "wrong_count", "only_thoughts"
GARBLED = "garbled"

_ITEM = re.compile(
    r"(?:[-*•–]|[*_]{0,2}\(?\d{1,2}[.):][*_]{0,2}|"
    r"[*_]{0,2}(?:(?:natural |search |multi[- ]hop )?(?:question|query)|q|frage|pregunta|requête|key ?words?|claim|task) ?"
    r"\d{0,3} ?[:.)][*_]{0,2})\s",
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
    fault: str | None = None  # refusal, or one of the faults above; None for a usable answer
    preamble: bool = False  # whether there was text around the queries


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
    words, thought = _bare(text, n)
    cut_off = finish == "length"
    if finish == "refusal" or _REFUSAL.match(words):
        return Reading(fault=REFUSAL)
    if not words:
        return Reading(fault=CUT_OFF if cut_off else ONLY_THOUGHTS if thought else EMPTY)
    lists, around = json_lists(words)
    if any(texts is not None for texts in lists):
        return _best([_checked(texts, n, preamble=around) for texts in lists])
    if texts := markup_list(words):
        return Reading(fault=CUT_OFF) if cut_off else _checked(texts, n, preamble=False)
    if "{" in words or words.startswith(("[", "<")):
        torn = cut_off or not words.endswith(("}", "]", "```", ">"))
        return Reading(fault=CUT_OFF if torn else BROKEN)
    lines, around = _lines(words)
    return Reading(fault=CUT_OFF) if cut_off else _checked(lines, n, preamble=around)


def read_line(text: str, *, finish: str) -> Reading:
    r"""Read the query that a text with examples goes on with: the first line.

    Examples:
        >>> read_line(" why a kettle hums\n\nText: and so on", finish="length").texts
        ('why a kettle hums',)
    """
    words, _ = _bare(text, 1)
    line, _, more = words.partition("\n")
    if finish == "refusal" or _REFUSAL.match(line):
        return Reading(fault=REFUSAL)
    if finish == "length" and not more:
        return Reading(fault=CUT_OFF)
    return _checked([line], 1, preamble=False) if clean(line) else Reading(fault=EMPTY)


def read_written(call: Call, answer: Answer, n: int) -> Reading:
    """Read the ``n`` queries of a call's answer, in the form that it asked for."""
    if call.continues:
        return read_line(answer.text, finish=answer.finish)
    return read_queries(answer.text, finish=answer.finish, n=n)


def read_grades(text: str, *, finish: str, n: int, most: int) -> tuple[list[int], str | None]:
    """Read ``n`` grades from 0 to ``most``; returns them, or the fault."""
    words, thought = _bare(text, n)
    if finish == "refusal" or _REFUSAL.match(words):
        return [], REFUSAL
    value = first_value(words)
    try:
        grades = GradesAnswer.model_validate({"grades": value} if isinstance(value, list) else value or {}).grades
    except ValidationError:
        return [], CUT_OFF if finish == "length" else BROKEN if words else ONLY_THOUGHTS if thought else EMPTY
    if len(grades) != n:
        return [], WRONG_COUNT
    return ([], BROKEN) if any(not 0 <= grade <= most for grade in grades) else (grades, None)


def clean(text: str) -> str:
    """Return a query on one line, without numbering, quotes and emphasis."""
    text = " ".join(text.split())
    start = _START.match(text)
    return text[start.end() if start else 0 :].strip(f" {_MARKS}")


def _bare(text: str, n: int) -> tuple[str, bool]:
    """Return an answer without what the model thought, as much of it as ``n`` queries can take, and whether it thought."""
    most = _CHARS + n * _CHARS_PER_QUERY
    if text.lstrip()[:1] in ("{", "[") and len(text) <= most and _is_json(text):
        return text.strip(), False
    spoken = without_thoughts(text)
    return spoken.text[:most], spoken.has_thoughts


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _best(readings: Sequence[Reading]) -> Reading:
    """Return the last usable one of several lists, because drafts come first; without any, what is wrong with the last."""
    usable = [reading for reading in readings if reading.fault is None]
    refused = [reading for reading in readings if reading.fault == REFUSAL]
    return (usable or refused or list(readings))[-1]


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
        return Reading(fault=GARBLED)
    kept = [text for text in cleaned if text and text != "…" and not _PREAMBLE.match(text)]
    if len(kept) != n:
        return Reading(fault=WRONG_COUNT)
    return Reading(tuple(kept), None, preamble or len(kept) < len(cleaned))
