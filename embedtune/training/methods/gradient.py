"""Training by gradient steps, on one side or both: loading, steps, dev retrieval on the way, checkpoints, selection on dev."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from embedtune.errors import StoppedError
from embedtune.models import adapters
from embedtune.models.adapters import Weights
from embedtune.models.encoder import set_prompts
from embedtune.models.quantisation import choose_scheme, load_quantised
from embedtune.progress import track
from embedtune.signals import StopRequest, catch_stop
from embedtune.training.checkpoints import Checkpoints, State
from embedtune.training.dev_set import rounded_mean, select_on_dev
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.selection import choose_evaluation
from embedtune.types import Floats, Matrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

    from embedtune.training.trainer import Examples, TrainingSettings
    from embedtune.training.tuned_models import TunedModel

_log = logging.getLogger("embedtune")


class GradientTraining(NamedTuple):
    """A training before its first step.

    Attributes:
        tuned: The model to train.
        scheme: How the frozen weights are quantised.
        examples: Texts by column.
        batches: Row numbers of each batch.
        loss: Takes the features of each column and row numbers.
        learning_rate: Peak of the schedule.
        rows: The training examples, for ``pairs.jsonl``.
    """

    tuned: TunedModel
    scheme: str
    examples: Examples
    batches: Sequence[Sequence[int]]
    loss: nn.Module
    learning_rate: float
    rows: list[dict[str, str]]


class Evaluation(NamedTuple):
    """The trainable weights after a step, with dev retrieval at full strength.

    Attributes:
        step: Optimiser steps done.
        dense: Scores of all dev queries, ``(n_queries, n_passages)``.
        scores: Their reciprocal ranks, ``(n_queries,)``.
        weights: By parameter name.
    """

    step: int
    dense: Matrix
    scores: Floats
    weights: Weights


def load_for_training(context: Context, scheme: str) -> tuple[SentenceTransformer, str]:
    """Load the base with its weights quantised, set the seed, and return it with the scheme, ``auto`` resolved."""
    import torch

    settings = context.dataset_config
    scheme = choose_scheme(scheme, sum(weight.numel() for weight in context.base.model.parameters()))
    model = load_quantised(context.base_folder, scheme, trust_remote_code=settings.trust_remote_code)
    set_prompts(model, query_prompt=settings.query_prompt, document_prompt=settings.document_prompt)
    torch.manual_seed(context.config.seed)
    return model, scheme


def train_and_select(context: Context, name: str, training: GradientTraining, facts: dict[str, object]) -> Candidate:
    """Train in place, restore the best evaluated step, and choose the strength on dev.

    Args:
        context: With dev retrieval.
        name: Of the method.
        training: What to train.
        facts: Of the method, for the manifest.

    Raises:
        DataError: If the loss is not finite.
        ResourceError: If a checkpoint cannot be written, or not even one text fits into memory.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    evaluations, losses = _train(context, name, training)
    best = evaluations[choose_evaluation([each.scores for each in evaluations], context.dev.clusters)]
    adapters.restore(training.tuned.model, best.weights)
    decision, dense, selected = select_on_dev(
        context.dev, context.retrieval.base, context.search_strengths(training.tuned, full=best.dense)
    )
    selected |= {
        "steps": len(losses),
        "by_step": {str(each.step): rounded_mean(each.scores) for each in evaluations},
        "best_step": best.step,
        "losses": [round(value, 4) for value in losses],
    }
    facts = selected | facts
    return Candidate(name, training.tuned, training.scheme, decision, dense, training.rows, facts)


def _train(context: Context, name: str, training: GradientTraining) -> tuple[list[Evaluation], list[float]]:
    """Train in place, from the last whole checkpoint if there is one; return the evaluations and the loss of each step."""
    from embedtune.training.trainer import Hooks, count_steps, run_training

    n_steps = count_steps(len(training.batches), context.config.trainer_args)
    settings = _settings(context, name, training.learning_rate, n_steps)
    checkpoints = context.checkpoints(name) if context.checkpoints else None
    saved = None
    if checkpoints:
        checkpoints.remove_outdated()
        saved = checkpoints.latest()
    if saved:
        _log.info("going on after step %d of %d", saved["step"], n_steps)
    with catch_stop("the step is finished and saved") as stop, track("train", n_steps) as on_progress:
        monitor = _Monitor(context, training.tuned, checkpoints, n_steps, stop, saved)
        losses = run_training(
            training.tuned.model, training.examples, training.batches, training.loss, settings,
            Hooks(monitor.evaluate, on_progress, monitor.on_step), resume=saved,
        )  # fmt: skip
    return monitor.evaluations, losses


def _settings(context: Context, name: str, learning_rate: float, n_steps: int) -> TrainingSettings:
    from embedtune.training.trainer import TrainingSettings

    config = context.config
    return TrainingSettings(
        learning_rate=learning_rate,
        weight_decay=config.weight_decay,
        precision=context.base.precision,
        seed=config.seed,
        eval_steps=frozenset(n_steps * number // config.n_evals for number in range(1, config.n_evals + 1)) - {0},
        arguments=config.trainer_args,
        callbacks=context.callbacks,
        log_folder=context.log_folder / name if context.log_folder else None,
    )


class _Monitor:
    """Evaluates on dev between the steps of one training, saves checkpoints, and stops when it is asked to."""

    def __init__(
        self,
        context: Context,
        tuned: TunedModel,
        checkpoints: Checkpoints | None,
        n_steps: int,
        stop: StopRequest,
        saved: State | None,
    ) -> None:
        self._retrieval = context.retrieval
        self._tuned = tuned
        self._checkpoints = checkpoints
        self._n_steps = n_steps
        self._stop = stop
        self.evaluations = [self._restored(state) for state in saved["checks"]] if saved else []

    def evaluate(self, step: int) -> None:
        """Search the dev set with the model as it is."""
        dense = self._retrieval.search_with(self._tuned, 1.0, f"dev: step {step}")
        scores = self._retrieval.dev.reciprocal_ranks(dense)
        self.evaluations.append(Evaluation(step, dense, scores, adapters.snapshot(self._tuned.model)))

    def on_step(self, step: int, state: Callable[[], State]) -> None:
        """Save a checkpoint if one is due; raise if a stop was requested."""
        due = self._stop or step == self._n_steps or (self._checkpoints is not None and self._checkpoints.is_due())
        if self._checkpoints and due:
            self._checkpoints.save(step, {**state(), "checks": [_as_state(each) for each in self.evaluations]})
        if self._stop.signal_number:
            raise StoppedError(
                f"stopped after step {step} of {self._n_steps}, which is saved", self._stop.signal_number
            )

    def _restored(self, state: State) -> Evaluation:
        dense: Matrix = state["dense"].numpy()
        return Evaluation(state["step"], dense, self._retrieval.dev.reciprocal_ranks(dense), state["weights"])


def _as_state(evaluation: Evaluation) -> State:
    import torch

    return {"step": evaluation.step, "dense": torch.from_numpy(evaluation.dense), "weights": evaluation.weights}
