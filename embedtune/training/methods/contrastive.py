"""LoRA on quantised weights, or all weights, for queries and passages alike: contrastive loss over pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedtune.documents.near_duplicates import same_passages
from embedtune.errors import DataError
from embedtune.progress import track
from embedtune.training.batches import plan_epochs
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.methods.gradient import GradientTraining, load_for_training, train_and_select
from embedtune.training.pairs import Pair, build_pairs, conflict_keys
from embedtune.types import Passage

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.losses import GuidedContrastiveLoss
    from embedtune.training.tuned_models import TunedModel


def tune_both_sides(context: Context, name: str, best: Candidate | None = None) -> Candidate:
    """Train ``lora`` or ``full``.

    Raises:
        DataError: If there are too few pairs for a batch, or the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    training = prepare_both_sides(context, name)
    return train_and_select(context, name, training, {"pairs": len(training.rows)})


def prepare_both_sides(context: Context, name: str) -> GradientTraining:
    """Load the model, sample the pairs, deal them into batches and set up the loss.

    Raises:
        DataError: If there are too few pairs for a batch.
    """
    config = context.config
    pairs = _sample_pairs(context)
    batches = _plan_batches(context, pairs)
    model, scheme = load_for_training(context, "none" if name == "full" else config.quantize)
    tuned = _tuned_model(context, name, model)
    columns = {"anchor": [pair.anchor for pair in pairs], "positive": [pair.positive for pair in pairs]}
    rows = [{"query_id": pair.query_id, "anchor": pair.anchor, "positive": pair.positive} for pair in pairs]
    return GradientTraining(tuned, scheme, columns, batches, _loss(context, model, pairs), config.learning_rate, rows)


def _sample_pairs(context: Context) -> list[Pair]:
    config = context.config
    pairs = build_pairs(
        context.dataset.splits["train"].queries,
        context.relevant,
        context.dataset.passages,
        context.windows,
        sentence_dropout=config.sentence_dropout,
        seed=config.seed,
    )
    if config.max_pairs and len(pairs) > config.max_pairs:
        kept = np.random.default_rng(config.seed).choice(len(pairs), config.max_pairs, replace=False)
        pairs = [pairs[number] for number in sorted(kept)]
    return pairs


def _plan_batches(context: Context, pairs: Sequence[Pair]) -> list[list[int]]:
    config, passages = context.config, context.dataset.passages
    compared: Sequence[Passage] = passages
    if len(passages) > context.dataset_config.max_query_passages:
        compared = [passages[number] for number in sorted({pair.passage for pair in pairs})]
    keys = conflict_keys(passages, same_passages(compared))
    n_batches = config.epochs * max(1, len(pairs) // config.batch_size)
    keys_of_pairs = [keys[pair.passage] | {pair.anchor} for pair in pairs]  # nor the same query twice
    batches = plan_epochs(keys_of_pairs, config.batch_size, n_batches, config.seed)
    if not batches:
        raise DataError(
            f"dataset: expected at least {config.batch_size} pairs from passages that do not touch, found too few in "
            f"{len(pairs)} pairs",
            hint="add documents, or --set train.batch_size=8",
        )
    return batches


def _tuned_model(context: Context, name: str, model: SentenceTransformer) -> TunedModel:
    from embedtune.training.tuned_models import Full, Lora

    if name == "full":
        return Full(model)
    return Lora(model, rank=context.config.lora_rank, alpha=context.config.lora_alpha)


def _loss(context: Context, model: SentenceTransformer, pairs: Sequence[Pair]) -> GuidedContrastiveLoss:
    import torch

    from embedtune.training.losses import GuidedContrastiveLoss

    config = context.config
    with track("encode pairs", 2 * len(pairs)) as on_progress:
        queries = context.base.encode_queries([pair.anchor for pair in pairs], on_progress)
        documents = context.base.encode_documents([pair.positive for pair in pairs], on_progress)
    return GuidedContrastiveLoss(
        model,
        guide_embeddings=(torch.from_numpy(queries), torch.from_numpy(documents)),
        positive_ids=[pair.passage for pair in pairs],
        relevant_ids=[context.relevant[pair.query_id] for pair in pairs],
        temperature=config.temperature,
        margin=config.false_negative_margin,
        distill_weight=config.distill_weight,
    )
