"""Model cards: train writes what it knows into ``merged/``; eval writes the whole card, which ``publish`` puts in its place.

A stage is the only writer of its folder, and what eval measured is the model as train wrote it; so the card with the table of
systems stands in ``eval/`` until the model leaves the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embedtune.config.settings import GenerateConfig
from embedtune.project.manifest import library_versions
from embedtune.reports.card import Card, model_card

README = "README.md"
"""The card of a model folder, by the hub's convention."""

MODEL_CARD = "model_card.md"
"""The card that eval writes."""


def card_of(
    facts: Mapping[str, Any],
    dataset_config: GenerateConfig,
    prompts: Mapping[str, str],
    n_passages: int,
    metrics: Sequence[Mapping[str, Any]] = (),
) -> Card:
    """Return the card of a trained model.

    Args:
        facts: Of the training.
        dataset_config: How the dataset was made.
        prompts: The model's.
        n_passages: Of the corpus.
        metrics: Of each query set it was evaluated on; none before that.
    """
    version = library_versions()["embedtune"]
    return Card(
        _public_name(dataset_config.model), facts, prompts, dataset_config.window_tokens, version, n_passages, metrics
    )


def write_card(path: Path, card: Card) -> None:
    """Write a card."""
    path.write_text(model_card(card), encoding="utf-8")


def _public_name(model: str) -> str | None:
    """Return the name of a model on the hub; None for a folder."""
    return None if Path(model).exists() else model
