"""What a model thought before it answered, in the marks of the models that think: it holds drafts that were rejected."""

from __future__ import annotations

import re
from typing import NamedTuple

_TAGS = "seed:think|think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis"
_MARK = re.compile(
    rf"<(?P<tag_end>/?)(?P<tag>{_TAGS})(?:\s[^<>]{{0,80}})?>|\[(?P<bracket_end>/?)(?P<bracket>THINK)\]|"
    r"◁(?P<triangle_end>/?)(?P<triangle>think)▷|<\|(?P<of>begin|end)_of_thought\|>|<\|(?P<upper>START|END)_THINKING\|>",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|channel\|>([^<]{0,80})(?:<\|constrain\|>[^<]{0,80})?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_BARE_ANALYSIS = re.compile(r"analysis(?=[A-Z\"'])")
_BARE_FINAL = "assistantfinal"
_ALOUD = re.compile(r"here is my thought process:", re.IGNORECASE)
_ALOUD_END = re.compile(r"here is my response:", re.IGNORECASE)
_WRAP = re.compile(r"<(/?)(?:answer|response|output|result|final|solution)>", re.IGNORECASE)
_SPECIAL = re.compile(r"<\|[A-Za-z_]{1,40}\|>|</?s>|<(?:start|end)_of_turn>")


class Spoken(NamedTuple):
    """An answer without thoughts."""

    text: str  # what was said
    has_thoughts: bool  # whether something was thought before it


def without_thoughts(text: str) -> Spoken:
    """Take out what a model thought: in tags that are open, closed or only closed, in harmony channels, or aloud.

    Text before a closing tag without an opening is thought too: some servers drop the opening one. What an opening tag begins
    and none ends is thought to the end.

    Examples:
        >>> without_thoughts("a draft</think>the answer").text
        'the answer'
        >>> without_thoughts("<think>a draft").text
        ''
    """
    said = _out_of_channels(text)
    if said is None:
        said = _outside_tags(text)
    answer = _unwrapped(said)
    return Spoken(_SPECIAL.sub("", answer).strip(), answer != text)


def _out_of_channels(text: str) -> str | None:
    """Return the final channel of an answer in harmony's form, with its marks or without; None for another form."""
    start = text.lstrip()
    if _BARE_ANALYSIS.match(start):
        return start.rpartition(_BARE_FINAL)[2] if _BARE_FINAL in start else ""
    if _ALOUD.match(start):
        end = _ALOUD_END.search(start)
        return start[end.end() :] if end else ""
    channels = list(_CHANNEL.finditer(text))
    finals = [channel for channel in channels if channel[1].strip().lower().startswith("final")]
    if not finals:
        return "" if channels else None
    end = _CHANNEL_END.search(text, finals[-1].end())
    return text[finals[-1].end() : end.start() if end else len(text)]


def _outside_tags(text: str) -> str:
    kept, end, opened = list[str](), 0, ""
    for mark in _MARK.finditer(text):
        name, closes = _named(mark)
        if not opened and closes:  # closed and never opened: all before it was thought
            kept, end = [], mark.end()
        elif not opened:
            kept.append(text[end : mark.start()])
            opened = name
        elif opened == name and closes:
            opened, end = "", mark.end()
    return "".join(kept if opened else [*kept, text[end:]])


def _named(mark: re.Match[str]) -> tuple[str, bool]:
    """Return the name of a mark, and whether it ends a thought."""
    if mark["of"] or mark["upper"]:
        return ("of" if mark["of"] else "upper"), "end" in (str(mark["of"]).lower(), str(mark["upper"]).lower())
    kind = next(kind for kind in ("tag", "bracket", "triangle") if mark[kind])
    return f"{kind} {mark[kind].lower()}", bool(mark[f"{kind}_end"])


def _unwrapped(text: str) -> str:
    """Return what stands between the last ``<answer>`` and its end, or all."""
    marks = list(_WRAP.finditer(text))
    if not any(not mark[1] for mark in marks):
        return text
    last = max(number for number, mark in enumerate(marks) if not mark[1])
    end = marks[last + 1].start() if last + 1 < len(marks) else len(text)
    return text[marks[last].end() : end]
