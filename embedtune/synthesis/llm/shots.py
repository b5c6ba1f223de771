"""Examples for models that follow no rules: short texts with the query that somebody typed to find each.

Packaged ones are about kettles and bridges on purpose: from examples of the same subject a small model takes the words of the
examples instead of those of the text (see docs/log.md).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from embedtune.llm.store import Message
from embedtune.text.analyzer import lexical_terms
from embedtune.text.sentences import sentences_of
from embedtune.types import Passage

_LABELS = {"question": "Question", "keywords": "Key words", "claim": "Claim", "task": "Problem"}
_ANY = "Search query"
_SHOWN = 5
_LEAST_CHARS, _MOST_CHARS = 180, 420  # of the part of a passage that is shown: one to three sentences


class Shot(NamedTuple):
    """A text with a query that it answers."""

    text: str
    query: str


_TEXTS = (
    (
        "Descaling a kettle. Where the water is hard, a kettle must be descaled with vinegar once a month, or limescale keeps "
        "it from switching off.",
        {
            "question": "how often should a kettle be descaled with hard water",
            "keywords": "descale kettle vinegar",
            "claim": "limescale can stop a kettle from switching off",
            "task": "my kettle no longer switches off since we moved to a place with hard water",
        },
    ),
    (
        "Deposits. After a tenant has moved out, the landlord may keep the deposit for six months, to pay for damage and for "
        "heating costs not known yet.",
        {
            "question": "how long may a landlord keep the deposit after I moved out",
            "keywords": "tenant deposit heating costs",
            "claim": "a landlord has to return the deposit on the day of moving out",
            "task": "I moved out in spring and the landlord still has my deposit",
        },
    ),
    (
        "Early pollinators. Bumblebees fly at 10 degrees, when honey bees stay in the hive: they warm their flight muscles by "
        "shivering.",
        {
            "question": "why can bumblebees fly at lower temperatures than honey bees",
            "keywords": "bumblebees shivering flight muscles",
            "claim": "bumblebees are better pollinators than honey bees in a cold spring",
            "task": "my plum tree blooms in a cold March and no bees come to it",
        },
    ),
    (
        "Log files. The server writes a log for each day and deletes logs older than 30 days, unless retention is set to 0.",
        {
            "question": "how do I stop the server from deleting old logs",
            "keywords": "log retention setting",
            "claim": "the server keeps its logs for a year",
            "task": "the log of last month is gone and I need it for an audit",
        },
    ),
    (
        "Bridges in winter. Road surfaces on bridges freeze before other roads, because cold air passes above and below "
        "the deck.",
        {
            "question": "why do bridges freeze before the road",
            "keywords": "bridge deck ice winter road",
            "claim": "the road surface of a bridge freezes later than other roads",
            "task": "I nearly lost control of my car on an icy bridge although the road was dry",
        },
    ),
)


def packaged(kind: str) -> list[Shot]:
    """Return the packaged examples of a kind of query."""
    return [Shot(text, queries[kind]) for text, queries in _TEXTS]


def own_shots(pairs: Sequence[tuple[str, Passage]], seed: int) -> list[Shot]:
    """Return some of the user's queries, each with the part of its passage that has most of its words."""
    draw = random.Random(f"{seed}:shots")  # noqa: S311 (reproducible on purpose)
    chosen = draw.sample(list(pairs), min(_SHOWN, len(pairs)))
    return [Shot(_closest(query, passage), query) for query, passage in chosen]


def turns(shots: Sequence[Shot], passage: Passage, kind: str | None, *, seed: int, number: int) -> list[Message]:
    """Return examples and a part of a passage, in turns; the last one waits for its query.

    The examples come first and are the same for all calls of a kind, so that a server reads them once. ``number`` tells apart
    calls with the same passage and kind: each shows another part, or the same part behind examples in another order.
    """
    label = _LABELS.get(kind or "", _ANY)
    parts = list(_parts(passage.text))
    order = random.Random(f"{seed}:part:{passage.passage_id}").sample(range(len(parts)), len(parts))  # noqa: S311
    turned = number // len(parts) % len(shots)
    messages = list[Message]()
    for shot in (*shots[turned:], *shots[:turned]):
        messages += [Message("user", _asked(shot.text, label)), Message("assistant", shot.query)]
    text = parts[order[number % len(parts)]]
    title = f"{passage.title}. " if passage.title and not text.startswith(passage.title) else ""
    return [*messages, Message("user", _asked(f"{title}{text}", label))]


def _asked(text: str, label: str) -> str:
    return f"Text: {' '.join(text.split())}\n{label}:"


def _parts(text: str) -> Iterator[str]:
    """Yield the sentences of a text, joined until each part has something to ask about; at least one part."""
    part = ""
    for sentence in sentences_of(text) or [text]:
        part = f"{part} {sentence}".strip()
        if len(part) >= _LEAST_CHARS:
            yield part[:_MOST_CHARS]
            part = ""
    if part and (len(part) >= _LEAST_CHARS // 2 or len(text) < _LEAST_CHARS):
        yield part


def _closest(query: str, passage: Passage) -> str:
    terms = set(lexical_terms(query))
    return max(_parts(passage.text), key=lambda part: len(terms & set(lexical_terms(part))))
