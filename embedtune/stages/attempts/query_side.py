"""LoRA for queries alone: passages stay with the base, so its index stays good, and every step sees the whole corpus."""

from __future__ import annotations

from embedtune.records import Query
from embedtune.stages.attempts.attempt import Attempt, Context
from embedtune.stages.attempts.gradient_training import Prepared, load_for_training, train_and_judge
from embedtune.stages.attempts.teaching import prepare_lesson
from embedtune.training.sampler import plan_rows


def tune_query_side(context: Context, name: str) -> Attempt:
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
    return Attempt(name, prepared.method, prepared.scheme, decision, chosen, rows, facts)


def prepare_query_side(context: Context) -> tuple[Prepared, list[Query]]:
    """Load what is trained, set up the loss, and return both with the queries.

    Raises:
        DataError: If there are too few queries for a batch.
    """
    import torch

    from embedtune.training.distillation import CorpusDistillationLoss
    from embedtune.training.methods import Lora

    config, settings = context.config, context.config.query_side
    lesson = prepare_lesson(context)
    model, scheme = load_for_training(context, config.quantize)
    method = Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, queries_only=True)
    loss = CorpusDistillationLoss(
        model,
        torch.from_numpy(lesson.vectors),
        lesson.passages,
        lesson.teacher,
        temperature=config.temperature,
        steadiness=settings.steadiness,
    )
    return Prepared(method, scheme, {"anchor": [query.text for query in lesson.queries]}, loss), lesson.queries
