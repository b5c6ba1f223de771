"""LoRA for queries alone: passages stay with the base, so its index stays good, and every step sees the whole corpus."""

from __future__ import annotations

from embedtune.evaluation.gate import choose_check
from embedtune.retrieval.encoder import set_prompts
from embedtune.stages.attempts.attempt import Attempt, Context, judge, mean
from embedtune.stages.attempts.teaching import prepare_lesson
from embedtune.stages.fit import fit
from embedtune.training import adapters
from embedtune.training.quantisation import choose_scheme, load_quantised
from embedtune.training.sampler import plan_rows


def tune_query_side(context: Context, name: str) -> Attempt:
    """Train LoRA on queries by the teacher's order of all passages.

    Raises:
        DataError: If there are too few queries for a batch, or the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    import torch

    from embedtune.training.distillation import CorpusDistillationLoss
    from embedtune.training.methods import Lora
    from embedtune.training.trainer import Recipe

    config, settings, made = context.config, context.config.query_side, context.made
    lesson = prepare_lesson(context)
    parameters = sum(weight.numel() for weight in context.base.model.parameters())
    scheme = choose_scheme(config.quantize, parameters)
    model = load_quantised(context.base_folder, scheme, trust_remote_code=made.trust_remote_code)
    set_prompts(model, query_prompt=made.query_prompt, document_prompt=made.document_prompt)
    torch.manual_seed(config.seed)
    method = Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, queries_only=True)
    texts = [query.text for query in lesson.queries]
    batches = plan_rows([len(text) for text in texts], settings.batch_size, settings.epochs, config.seed)
    loss = CorpusDistillationLoss(
        model,
        torch.from_numpy(lesson.vectors),
        lesson.passages,
        lesson.teacher,
        temperature=config.temperature,
        steadiness=settings.steadiness,
    )
    n_steps = len(batches)
    recipe = Recipe(
        learning_rate=settings.learning_rate,
        weight_decay=config.weight_decay,
        precision=context.precision,
        seed=config.seed,
        check_at=frozenset(n_steps * number // config.checks for number in range(1, config.checks + 1)) - {0},
    )
    checkpoints = context.checkpoints_of(name)
    checks, losses = fit(method, {"anchor": texts}, batches, loss, recipe, context.retrieval, checkpoints)
    best = checks[choose_check([check.scores for check in checks], context.dev.clusters)]
    adapters.restore(model, best.weights)
    dense = {
        alpha: best.dense if alpha == 1 else context.retrieval.search_with(method, alpha, f"dev: strength {alpha:g}")
        for alpha in config.strengths
    }
    decision, chosen, facts = judge(context, dense)
    facts |= {
        "teacher": config.teacher,
        "queries": len(texts),
        "steps": n_steps,
        "by_step": {str(check.step): mean(check.scores) for check in checks},
        "best_step": best.step,
        "losses": [round(value, 4) for value in losses],
    }
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in lesson.queries]
    return Attempt(name, method, scheme, decision, chosen, rows, facts)
