"""LoRA for queries alone: passages stay with the base, so its index stays valid, and every step sees the whole corpus."""

from __future__ import annotations

from embedtune.training.batches import plan_rows
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.methods.gradient import GradientTraining, load_for_training, train_and_select


def tune_query_lora(context: Context, name: str = "query-lora", best: Candidate | None = None) -> Candidate:
    """Train LoRA on queries by the teacher's ranking of all passages.

    Raises:
        DataError: If there are too few queries for a batch, or the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    training = prepare_query_lora(context)
    facts = {"teacher": context.config.teacher, "queries": len(training.rows)}
    return train_and_select(context, name, training, facts)


def prepare_query_lora(context: Context) -> GradientTraining:
    """Load the model, deal the queries into batches and set up the loss.

    Raises:
        DataError: If there are too few queries for a batch.
    """
    import torch

    from embedtune.training.distillation import CorpusDistillationLoss
    from embedtune.training.tuned_models import Lora

    config, settings, data = context.config, context.config.query_side, context.distillation
    model, scheme = load_for_training(context, config.quantize)
    tuned = Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, queries_only=True)
    loss = CorpusDistillationLoss(
        model,
        data.passages,
        data.teacher,
        base_queries=torch.from_numpy(data.vectors),
        temperature=config.temperature,
        hubness_weight=settings.hubness_weight,
    )
    texts = [query.text for query in data.queries]
    batches = plan_rows([len(text) for text in texts], settings.batch_size, settings.epochs, config.seed)
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in data.queries]
    return GradientTraining(tuned, scheme, {"anchor": texts}, batches, loss, settings.learning_rate, rows)
