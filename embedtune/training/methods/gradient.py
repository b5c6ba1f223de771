"""What training by gradient steps has in common, whichever side moves: loading, walking, and choosing on dev."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.models import adapters
from embedtune.models.encoder import set_prompts
from embedtune.models.quantisation import choose_scheme, load_quantised
from embedtune.training.fit import fit
from embedtune.training.methods.context import Context, judge, mean, search_strengths
from embedtune.training.selection import Decision, choose_check
from embedtune.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

    from embedtune.training.trainable import Method
    from embedtune.training.trainer import Examples


class Prepared(NamedTuple):
    """A training before its first step.

    Attributes:
        method: Holds the model.
        scheme: How the frozen weights are kept.
        examples: Texts by column.
        loss: Takes their features and numbers.
    """

    method: Method
    scheme: str
    examples: Examples
    loss: nn.Module


def load_for_training(context: Context, wish: str) -> tuple[SentenceTransformer, str]:
    """Load the base with its weights kept as wished, set the seed, and return it with the scheme that was chosen."""
    import torch

    made = context.dataset_config
    scheme = choose_scheme(wish, sum(weight.numel() for weight in context.base.model.parameters()))
    model = load_quantised(context.base_folder, scheme, trust_remote_code=made.trust_remote_code)
    set_prompts(model, query_prompt=made.query_prompt, document_prompt=made.document_prompt)
    torch.manual_seed(context.config.seed)
    return model, scheme


def train_and_judge(
    context: Context,
    name: str,
    method: Method,
    examples: Examples,
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    *,
    learning_rate: float,
) -> tuple[Decision, Vectors, dict[str, Any]]:
    """Train in place, put the best check back, and ask the gate about its strengths; return what ``judge`` does.

    Raises:
        DataError: If the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    from embedtune.training.trainer import Recipe

    config, n_steps = context.config, len(batches)
    recipe = Recipe(
        learning_rate=learning_rate,
        weight_decay=config.weight_decay,
        precision=context.precision,
        seed=config.seed,
        check_at=frozenset(n_steps * number // config.n_evals for number in range(1, config.n_evals + 1)) - {0},
    )
    checks, losses = fit(method, examples, batches, loss, recipe, context.retrieval, context.checkpoints_of(name))
    best = checks[choose_check([check.scores for check in checks], context.dev.clusters)]
    adapters.restore(method.model, best.weights)
    decision, chosen, facts = judge(context, search_strengths(context, method, full=best.dense))
    facts |= {
        "steps": n_steps,
        "by_step": {str(check.step): mean(check.scores) for check in checks},
        "best_step": best.step,
        "losses": [round(value, 4) for value in losses],
    }
    return decision, chosen, facts
