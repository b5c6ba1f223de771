"""The card of a model folder: how to load it and what was measured, without a word of the user's documents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedtune.evaluation.decision import decide_by
from embedtune.evaluation.measures import SHOWN
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import QuerySetRecord
from embedtune.project.records import ModelRecord
from embedtune.reports.rendering import fill
from embedtune.reports.sections import decision
from embedtune.systems import System, in_order

_HUB_NAME = re.compile(r"\A[a-z0-9][\w.-]*/[\w.-]+", re.ASCII | re.IGNORECASE)


class Card(NamedTuple):
    """What a card tells.

    A base that is a folder has no name here, as that is nobody's business. Prompts are those in front of queries (``query``)
    and passages (``document``); there are no results before the evaluation.
    """

    base_model: str | None
    record: ModelRecord
    prompts: Mapping[str, str]
    window_tokens: int
    version: str
    n_passages: int
    results: Sequence[QuerySetRecord] = ()


def model_card(card: Card) -> str:
    """Return the card as Markdown, with the header that the hub reads."""
    on_hub = card.base_model if card.base_model and _HUB_NAME.fullmatch(card.base_model) else None
    sets = [
        {
            "results": results,
            # Added models are left out: their names are names of folders.
            "systems": [name for name in in_order(results.systems) if not System.parse(name).is_added],
            "difference": results.comparison("tuned", "base", PRIMARY),
            "decision": decision(results.verdict.decision),
        }
        for results in card.results
    ]
    # In quotes, so that a blank at the end of a prompt is seen.
    prompts = {name: f'"{prompt}"' if (prompt := card.prompts.get(name)) else "none" for name in ("query", "document")}
    use = decide_by(card.results, card.record.shipped).system if card.results else ""
    values = {"card": card, "record": card.record, "use": use, "base_on_hub": on_hub, "prompts": prompts, "sets": sets}
    return fill("model_card.md.jinja", values | {"measures": SHOWN})
