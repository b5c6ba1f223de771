"""The settings for judged queries: what people say about passages is taken at its word, where synthetic queries are not.

Synthetic queries flatter the words of their passages and are plenty, so training on them is short, keeps half of the base's own
ranking, and ships what dev is sure of. People's labels are few, dear and true: more epochs, mined hard negatives, hardly a
share of the base in the target, and what is better on dev is shipped, sure or not. The experiments are in docs/log.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedtune.config.training import TrainConfig
from embedtune.documents.splits import ENOUGH_JUDGED
from embedtune.text.hashing import hash_json
from embedtune.training.selection import Prior
from embedtune.types import LABELLED, QuerySet

JUDGED: Mapping[str, Any] = {
    "auto_methods": ("query-lora", "lora", "passage-residuals"),
    "hard_negatives": 1,
    "query_epochs": 2,
    "distill_weight": 0.1,
    "dropout": 0.0,  # gains nothing here, and takes a third of the time of a step (docs/log.md)
    "max_pairs": 3000,
    "max_dev_windows": 2000,
    "n_evals": 1,
    "ship_errors": 0.0,
    "teacher": "none",
}
JUDGED_QUERY_SIDE: Mapping[str, Any] = {"epochs": 3, "batch_size": 32, "hubness_weight": 0.0}
PRIOR = Prior(0.02, 0.04)
"""Of the gain in mean reciprocal rank by both sides: less than what four collections and two bases gained (docs/log.md)."""

LEARNING_RATES: Mapping[str, float] = {"lora": 1e-3, "auto": 1e-3, "full": 5e-5}
"""Peaks of the methods that were measured (docs/log.md); others have their own of any queries. auto's is that of its LoRA."""
_EPOCHS = 3
_MOST_EPOCHS = 10
_LEAST_EXAMPLES = 1000  # pairs times epochs, where ten epochs reach them: three of a hundred pairs are six steps
_MOST_EXAMPLES = 3000  # what is learned from them levels off, and their price does not


def is_judged(queries: QuerySet) -> bool:
    """Return whether people's labels decide how to train: at least 20 queries came with theirs, or more than half of them."""
    return _decides(sum(query.came_with_label for query in queries.queries), len(queries.queries))


def _decides(n_judged: int, n_queries: int) -> bool:
    return n_judged >= ENOUGH_JUDGED or 2 * n_judged > n_queries


def identity_of_recipe(config: TrainConfig, kinds: Mapping[str, int]) -> dict[str, object]:
    """Return what ``for_labels`` will do with settings that they do not tell: its recipe, and which of it the user set.

    ``kinds`` is the number of train queries by kind. Empty where labels do not decide.
    """
    if not _decides(kinds.get(LABELLED, 0), sum(kinds.values())):
        return {}
    numbers = [_EPOCHS, _MOST_EPOCHS, _LEAST_EXAMPLES, _MOST_EXAMPLES]
    recipe = hash_json([dict(JUDGED), dict(JUDGED_QUERY_SIDE), dict(LEARNING_RATES), numbers])
    own = {*JUDGED, "epochs", "learning_rate"} & config.model_fields_set
    of_queries = JUDGED_QUERY_SIDE.keys() & config.query_side.model_fields_set
    return {"labels": {"recipe": recipe, "set": sorted([*own, *(f"query_side.{name}" for name in of_queries)])}}


def for_labels(config: TrainConfig, train: QuerySet) -> TrainConfig:
    """Return the settings for these train queries: those that the user did not set follow from the labels."""
    if not is_judged(train):
        return config
    judged = [query.query_id for query in train.queries if query.came_with_label]
    n_pairs = sum(grade > 0 for query_id in judged for grade in train.qrels[query_id].values())
    recipe = {**JUDGED, "epochs": _epochs(max(1, n_pairs))}
    if config.method in LEARNING_RATES:
        recipe["learning_rate"] = LEARNING_RATES[config.method]
    query_side = config.query_side
    sides = {name: value for name, value in JUDGED_QUERY_SIDE.items() if name not in query_side.model_fields_set}
    kept = {name: value for name, value in recipe.items() if name not in config.model_fields_set}
    return config.model_copy(update={**kept, "query_side": query_side.model_copy(update=sides)})


def _epochs(n_pairs: int) -> int:
    usual, few = min(_EPOCHS, _MOST_EXAMPLES // n_pairs), min(_MOST_EPOCHS, _LEAST_EXAMPLES // n_pairs)
    return max(1, usual, few)
