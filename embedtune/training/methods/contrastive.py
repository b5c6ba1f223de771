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
from embedtune.training.methods.gradient import Prepared, load_for_training, train_and_judge
from embedtune.training.pairs import Pair, build_pairs, conflict_keys
from embedtune.types import Passage

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.losses import GuidedContrastiveLoss
    from embedtune.training.trainable import Method


def tune_both_sides(context: Context, name: str) -> Candidate:
    """Train ``lora`` or ``full``.

    Raises:
        DataError: If there are too few pairs for a batch, or the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    prepared, pairs, batches = prepare_both_sides(context, name)
    decision, chosen, facts = train_and_judge(
        context,
        name,
        prepared.method,
        prepared.examples,
        batches,
        prepared.loss,
        learning_rate=context.config.learning_rate,
    )
    facts |= {"pairs": len(pairs)}
    rows = [{"query_id": pair.query_id, "anchor": pair.anchor, "positive": pair.positive} for pair in pairs]
    return Candidate(name, prepared.method, prepared.scheme, decision, chosen, rows, facts)


def prepare_both_sides(context: Context, name: str) -> tuple[Prepared, list[Pair], list[list[int]]]:
    """Load what is trained, set up the loss, and return both with the pairs and the batches.

    Raises:
        DataError: If there are too few pairs for a batch.
    """
    config, relevant = context.config, context.relevant()
    pairs, batches = _plan(context, relevant)
    model, scheme = load_for_training(context, "none" if name == "full" else config.quantize)
    method = _method(context, name, model)
    loss = _loss(context, method, pairs, relevant)
    columns = {"anchor": [pair.anchor for pair in pairs], "positive": [pair.positive for pair in pairs]}
    return Prepared(method, scheme, columns, loss), pairs, batches


def _plan(context: Context, relevant: dict[str, list[int]]) -> tuple[list[Pair], list[list[int]]]:
    """Sample the pairs and deal them into batches."""
    config, passages = context.config, context.dataset.passages
    pairs = build_pairs(
        context.dataset.splits["train"].queries,
        relevant,
        passages,
        context.windows(),
        sentence_dropout=config.sentence_dropout,
        seed=config.seed,
    )
    if config.max_pairs and len(pairs) > config.max_pairs:
        kept = np.random.default_rng(config.seed).choice(len(pairs), config.max_pairs, replace=False)
        pairs = [pairs[number] for number in sorted(kept)]
    compared: Sequence[Passage] = passages
    if len(passages) > context.dataset_config.max_query_passages:
        compared = [passages[number] for number in sorted({pair.passage for pair in pairs})]
    keys = conflict_keys(passages, same_passages(compared))
    n_steps = config.epochs * max(1, len(pairs) // config.batch_size)
    held = [keys[pair.passage] | {pair.anchor} for pair in pairs]  # nor the same query twice
    batches = plan_epochs(held, config.batch_size, n_steps, config.seed)
    if not batches:
        raise DataError(
            f"dataset: expected at least {config.batch_size} pairs from passages that do not touch, found too few in "
            f"{len(pairs)} pairs",
            hint="add documents, or --set train.batch_size=8",
        )
    return pairs, batches


def _method(context: Context, name: str, model: SentenceTransformer) -> Method:
    from embedtune.training.trainable import Full, Lora

    if name == "full":
        return Full(model)
    return Lora(model, rank=context.config.lora_rank, alpha=context.config.lora_alpha)


def _loss(
    context: Context, method: Method, pairs: Sequence[Pair], relevant: dict[str, list[int]]
) -> GuidedContrastiveLoss:
    import torch

    from embedtune.training.losses import GuidedContrastiveLoss

    config = context.config
    with track("encode pairs", 2 * len(pairs)) as on_progress:
        queries = context.base.encode_queries([pair.anchor for pair in pairs], on_progress)
        documents = context.base.encode_documents([pair.positive for pair in pairs], on_progress)
    return GuidedContrastiveLoss(
        method.model,
        torch.from_numpy(queries),
        torch.from_numpy(documents),
        [relevant[pair.query_id] for pair in pairs],
        [pair.passage for pair in pairs],
        temperature=config.temperature,
        false_negative_margin=config.false_negative_margin,
        distill_weight=config.distill_weight,
    )
