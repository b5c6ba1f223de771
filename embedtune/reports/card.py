"""The card of a model folder: how to load it and what was measured, without a word of the user's documents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from embedtune.reports.page import MEASURES
from embedtune.reports.rendering import fill
from embedtune.reports.sections import decision
from embedtune.systems import System, in_order

_HUB_NAME = re.compile(r"[a-z0-9][\w.-]*/[\w.-]+", re.ASCII | re.IGNORECASE)


class Card(NamedTuple):
    """What a card tells.

    Attributes:
        base_model: The base as it is called on the hub; None for a folder, whose name is nobody's business.
        facts: Of the training: ``shipped`` and what else is known of it.
        prompts: In front of queries (``query``) and passages (``document``).
        window_tokens: Of passages, as they were measured.
        version: Of embedtune.
        n_passages: Of the corpus.
        metrics: Of each query set that was evaluated; none before that.
    """

    base_model: str | None
    facts: Mapping[str, Any]
    prompts: Mapping[str, str]
    window_tokens: int
    version: str
    n_passages: int
    metrics: Sequence[Mapping[str, Any]] = ()


def model_card(card: Card) -> str:
    """Return the card as Markdown, with the header that the hub reads."""
    on_hub = card.base_model if card.base_model and _HUB_NAME.fullmatch(card.base_model) else None
    facts = card.facts
    values = {
        "base": card.base_model if on_hub else "a local model",
        "base_on_hub": on_hub,
        "tuned": facts["shipped"] == "tuned",
        "method": facts.get("method", "not recorded"),
        "quantize": facts.get("quantize", "none"),
        "strength": f"{facts.get('strength', 1.0):g}",
        "queries_only": facts.get("queries_only", False),
        "own_code": facts["shipped"] == "tuned" and facts.get("method") == "hybrid-vector",
        "dev": facts.get("dev"),
        "prompts": {name: _quoted(card.prompts.get(name)) for name in ("query", "document")},
        "window_tokens": card.window_tokens,
        "version": card.version,
        "n_passages": card.n_passages,
        "sets": [_set(found) for found in card.metrics],
    }
    return fill("model_card.md.jinja", {"card": values, "measures": MEASURES})


def _quoted(prompt: str | None) -> str | None:
    """Return a prompt in quotes, so that a blank at its end is seen."""
    return f'"{prompt}"' if prompt else None


def _set(found: Mapping[str, Any]) -> dict[str, Any]:
    # Added models are left out: their names are names of folders.
    systems = [name for name in in_order(found["systems"]) if not System.parse(name).is_added]
    pair = ("tuned", "base", "ndcg@10")
    rows = [row for row in found["comparisons"] if (row["a"], row["b"], row["measure"]) == pair]
    return {
        "n_queries": found["n_queries"],
        "judged_unit": found["judged_unit"],
        "systems": {name: found["systems"][name] for name in systems},
        "difference": rows[0] if rows else None,
        "decision": decision(found["verdict"]["decision"]),
    }
