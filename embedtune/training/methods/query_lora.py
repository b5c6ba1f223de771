"""LoRA for queries alone: passages stay with the base, so its index stays good, and every step sees the whole corpus."""

from __future__ import annotations

from embedtune.training.batches import plan_rows
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.methods.gradient import Prepared, load_for_training, train_and_judge
from embedtune.training.methods.teacher import prepare_distillation
from embedtune.types import Query


def tune_query_side(context: Context, name: str) -> Candidate:
    """Train LoRA on queries by the teacher's order of all passages.

    Raises:
        DataError: If there are too few queries for a batch, or the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    config, settings = context.config, context.config.query_side
    prepared, queries = prepare_query_side(context)
    texts = prepared.examples["anchor"]
    batches = plan_rows([len(text) for text in texts], settings.batch_size, settings.epochs, config.seed)
    decision, chosen, facts = train_and_judge(
        context, name, prepared.method, prepared.examples, batches, prepared.loss, learning_rate=settings.learning_rate
    )
    facts |= {"teacher": config.teacher, "queries": len(texts)}
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in queries]
    return Candidate(name, prepared.method, prepared.scheme, decision, chosen, rows, facts)


def prepare_query_side(context: Context) -> tuple[Prepared, list[Query]]:
    """Load what is trained, set up the loss, and return both with the queries.

    Raises:
        DataError: If there are too few queries for a batch.
    """
    import torch

    from embedtune.training.distillation import CorpusDistillationLoss
    from embedtune.training.trainable import Lora

    config, settings = context.config, context.config.query_side
    lesson = prepare_distillation(context)
    model, scheme = load_for_training(context, config.quantize)
    method = Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, queries_only=True)
    loss = CorpusDistillationLoss(
        model,
        torch.from_numpy(lesson.vectors),
        lesson.passages,
        lesson.teacher,
        temperature=config.temperature,
        hubness_weight=settings.hubness_weight,
    )
    return Prepared(method, scheme, {"anchor": [query.text for query in lesson.queries]}, loss), lesson.queries
