"""Model cards: train writes its part into ``merged/``; eval writes the whole card, which ``export_model`` puts in its place.

A stage is the only writer of its folder, and what eval measured is the model as train wrote it; so the card with the table of
systems is in ``eval/`` until the model leaves the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.project.evaluation_records import QuerySetRecord
from embedtune.project.manifest import library_versions
from embedtune.project.records import ModelRecord
from embedtune.reports.card import Card, model_card

README = "README.md"
"""The card of a model folder, by the hub's convention."""

MODEL_CARD = "model_card.md"
"""The card that eval writes."""


def card_of(
    record: ModelRecord,
    dataset_config: GenerateConfig,
    prompts: Mapping[str, str],
    n_passages: int,
    results: Sequence[QuerySetRecord] = (),
) -> Card:
    """Return the card of a trained model.

    Args:
        record: What training shipped.
        dataset_config: Settings of the dataset.
        prompts: Prompts of the model.
        n_passages: Passages of the corpus.
        results: Results on each query set; none before the evaluation.
    """
    version = library_versions()["embedtune"]
    return Card(
        _public_name(dataset_config.model), record, prompts, dataset_config.window_tokens, version, n_passages, results
    )


def write_card(path: Path, card: Card) -> None:
    """Write a card."""
    path.write_text(model_card(card), encoding="utf-8")


def _public_name(model: str) -> str | None:
    """Return the name of a model on the hub; None for a folder."""
    return None if Path(model).exists() else model
