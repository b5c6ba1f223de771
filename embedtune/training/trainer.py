"""The training loop: sentence-transformers' trainer with batches that are planned ahead, which can stop and resume anywhere."""

from __future__ import annotations

import dataclasses
import gc
import logging
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from torch import nn
from transformers import PrinterCallback, ProgressCallback, TrainerCallback
from transformers.integrations import get_reporting_integration_callbacks

from embedtune.errors import ConfigError, DataError, ResourceError, did_you_mean
from embedtune.events import StepTrained, emit
from embedtune.machine import glibc, reused_memory
from embedtune.models.encoder import find_accelerator
from embedtune.models.weights import restore, snapshot
from embedtune.processes import gather, here, share
from embedtune.training.checkpoints import State
from embedtune.training.layers import fast_layers

OWNED_ARGUMENTS = {
    "output_dir": "the run folder",
    "batch_sampler": "train.batch_size and train.seed",
    "per_device_train_batch_size": "train.batch_size",
    "num_train_epochs": "train.epochs",
    "max_steps": "train.epochs and train.max_pairs",
    "learning_rate": "train.learning_rate or train.query_side.learning_rate",
    "weight_decay": "train.weight_decay",
    "bf16": "train.precision",
    "fp16": "train.precision",
    "prompts": "generate.query_prompt and generate.document_prompt",
    "seed": "train.seed",
    "data_seed": "train.seed",
    "eval_strategy": "train.n_evals",
    "load_best_model_at_end": "train.n_evals",
    "save_strategy": "train.checkpoint_seconds",
    "resume_from_checkpoint": "train.checkpoint_seconds",
    "fsdp": "checkpoints and dev retrieval, which need the whole weights",
    "deepspeed": "checkpoints and dev retrieval, which need the whole weights",
    "ddp_broadcast_buffers": "the number of processes",
    "push_to_hub": "nothing: a model is never uploaded",
}
"""Arguments of ``SentenceTransformerTrainingArguments`` that cannot be set, with the settings that determine them."""

Examples = Mapping[str, Sequence[str]]
"""Texts by column, ``anchor`` (queries) first; ``positive`` and ``negative_1`` … (passages) only where passages are encoded."""

_STEPS_BETWEEN_TRIMS = 4
_CUT_HINT = "start it by torchrun; for a model that one accelerator cannot hold, see docs/many_machines.md"
_FINITE_HINT = "lower train.learning_rate, or use --set train.precision=fp32"
_log = logging.getLogger("embedtune")


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        learning_rate: Peak; by default linear warm-up over the first tenth, then linear decay.
        weight_decay: AdamW's.
        precision: ``fp32`` or ``bf16`` (autocast; the trained weights stay fp32).
        seed: Of everything random that is left.
        eval_steps: Optimiser steps after which ``Hooks.evaluate`` is called; the last step is always one.
        arguments: Further arguments of ``SentenceTransformerTrainingArguments``, none of ``OWNED_ARGUMENTS``.
        callbacks: Called by the trainer.
        log_folder: Where ``report_to`` writes by default; None for a folder that vanishes.
        b_rate_ratio: Learning rate of LoRA's B as a multiple of ``learning_rate`` (LoRA+, by AdamW); 1 for none.
    """

    learning_rate: float
    weight_decay: float
    precision: str
    seed: int
    eval_steps: frozenset[int] = field(default_factory=frozenset)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    callbacks: Sequence[TrainerCallback] = ()
    log_folder: Path | None = None
    b_rate_ratio: float = 1.0


@dataclass(frozen=True)
class Hooks:
    """What a training calls.

    Attributes:
        evaluate: After the steps ``TrainingSettings.eval_steps`` and the last one, with the step; may encode with the model.
        on_progress: With 1 after each step.
        on_step: After each step, with the step and a function that gives the state to resume from; may raise to stop.
    """

    evaluate: Callable[[int], None]
    on_progress: Callable[[int], None]
    on_step: Callable[[int, Callable[[], State]], None]


def count_steps(n_batches: int, arguments: Mapping[str, Any]) -> int:
    """Return the number of optimiser steps; for each the gradients of several batches may be accumulated."""
    return -(-n_batches // _batches_per_step(arguments))


def _batches_per_step(arguments: Mapping[str, Any]) -> int:
    return int(arguments.get("gradient_accumulation_steps", 1))


def check_trainer_args(arguments: Mapping[str, Any]) -> None:
    """Check the arguments that a user gives to the trainer.

    Raises:
        ConfigError: For arguments that are ours, that do not exist, or whose values transformers refuses.
    """
    if not arguments:
        return
    known = [each.name for each in dataclasses.fields(SentenceTransformerTrainingArguments)]
    problems = []
    for name in arguments:
        if name in OWNED_ARGUMENTS:
            problems.append(f"train.trainer_args.{name}: cannot be set; it follows from {OWNED_ARGUMENTS[name]}")
        elif name not in known:
            no_such = "SentenceTransformerTrainingArguments has no such argument"
            problems.append(f"train.trainer_args.{name}: {no_such}{did_you_mean(name, known)}")
    if problems:
        raise ConfigError.collect("train.trainer_args", problems)
    try:
        with tempfile.TemporaryDirectory(prefix="embedtune-trainer-") as scratch:
            checked = SentenceTransformerTrainingArguments(scratch, **{"report_to": "none", **arguments})
            for callback in get_reporting_integration_callbacks(checked.report_to):
                callback()
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        raise ConfigError(f"train.trainer_args: expected arguments that transformers takes, found: {error}") from error


def run_training(
    model: SentenceTransformer,
    examples: Examples,
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    settings: TrainingSettings,
    hooks: Hooks,
    *,
    resume: State | None = None,
) -> list[float]:
    """Train a model's trainable weights in place; frozen weights may be quantised.

    Processes that work ``together`` share each batch; all get the same weights and losses.

    Args:
        model: With an adapter or as a whole.
        examples: All of them; labels are their positions.
        batches: Positions of each batch's examples, see ``plan_epochs``.
        loss: Called with the features of each column and labels.
        settings: Of the training.
        hooks: Called between its steps.
        resume: The state after an earlier step of the same training. On a CPU the rest then computes bit for bit what it
            would have computed without a break, by as many processes as before.

    Returns:
        The loss of each optimiser step.

    Raises:
        ConfigError: If there are more processes than texts in a batch, or the launcher asks to cut the weights up.
        DataError: If the loss or a weight is not a finite number.
        ResourceError: If not even a single text fits into memory, or one of several processes is out of it.
    """
    n_steps = count_steps(len(batches), settings.arguments)
    loop = _LoopCallback(model, settings, settings.eval_steps | {n_steps}, hooks, resume)
    if loop.first_step:
        restore(model, loop.weights)
        hooks.on_progress(loop.first_step)
        for step, value in enumerate(loop.losses, start=1):
            emit(StepTrained(step=step, loss=value))
    if loop.first_step < n_steps:
        left = batches[loop.first_step * _batches_per_step(settings.arguments) :]
        with tempfile.TemporaryDirectory(prefix="embedtune-trainer-") as scratch:
            folder = str(settings.log_folder or scratch)
            trainer = _Trainer(
                model=model,
                args=_arguments(folder, left, n_steps, settings, _prompts(model, examples)),
                train_dataset=Dataset.from_dict({**examples, "label": list(range(len(examples["anchor"])))}),
                loss=loss,
                callbacks=[loop, *settings.callbacks],
                optimizers=(_lora_plus(model, settings) if settings.b_rate_ratio != 1 else None, None),
            )
            trainer.n_steps, trainer.loop = n_steps, loop
            if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
                raise ConfigError(
                    "training: expected whole weights in each process, found FSDP or DeepSpeed", hint=_CUT_HINT
                )
            # Its progress bar and its printed dictionaries would mix with our own report.
            trainer.remove_callback(ProgressCallback)
            trainer.remove_callback(PrinterCallback)
            try:
                with new_garbage_only(), reused_memory(), fast_layers(model):
                    trainer.train()
            finally:
                # The trainer leaves its autocast around the model's forward; in-memory vectors would stay bf16.
                trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    model.eval()
    return_memory()
    return loop.losses


def _lora_plus(model: SentenceTransformer, settings: TrainingSettings) -> torch.optim.Optimizer:
    from peft.optimizers import create_loraplus_optimizer

    optimizer: torch.optim.Optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=settings.learning_rate,
        loraplus_lr_ratio=settings.b_rate_ratio,
        loraplus_weight_decay=settings.weight_decay,
    )
    return optimizer


def _prompts(model: SentenceTransformer, examples: Examples) -> dict[str, str]:
    """Return the prompt of each column's texts, as in retrieval."""
    names = {column: "query" if column == "anchor" else "document" for column in examples}
    return {column: prompt for column in examples if (prompt := model.prompts.get(names[column]))}


def _arguments(
    folder: str, batches: Sequence[Sequence[int]], n_steps: int, settings: TrainingSettings, prompts: dict[str, str]
) -> SentenceTransformerTrainingArguments:
    defaults = {
        "warmup_steps": max(1, n_steps // 10),
        "lr_scheduler_type": "linear",
        "use_cpu": find_accelerator() is None,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # the default would replace NaN by an average
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_pin_memory": False,
    }
    owned = {
        "output_dir": folder,
        "num_train_epochs": 1,  # the plan holds all epochs
        "per_device_train_batch_size": len(batches[0]),
        "batch_sampler": lambda *_, **__: _dealt(batches),
        "prompts": prompts or None,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "bf16": settings.precision == "bf16",
        "seed": settings.seed,
        "data_seed": settings.seed,
        "save_strategy": "no",
        "eval_strategy": "no",
        "ddp_broadcast_buffers": False,  # with every call of the model, of which each process has its own number
    }
    return SentenceTransformerTrainingArguments(**{**defaults, **settings.arguments, **owned})


def _dealt(batches: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
    """Return the shares of all processes of the first batch, then those of the second and so on, as accelerate deals them out.

    Raises ``ConfigError`` for a batch with fewer rows than there are processes.
    """
    place = here()
    if (smallest := min(map(len, batches))) < place.size:
        raise ConfigError(
            f"training: expected a text of each batch for each of {place.size} processes, found batches of {smallest}",
            hint="start fewer processes, or raise train.batch_size",
        )
    return [share(batch, place._replace(rank=rank)) for batch in batches for rank in range(place.size)]


class _Trainer(SentenceTransformerTrainer):  # type: ignore[misc]  # sentence-transformers is not typed
    """The trainer with a schedule over all steps, even where only the last of them are left to do.

    A batch that does not fit into memory is done again in mini-batches, half as large each time; the batch, and with it the
    number of negatives, stays.

    Attributes:
        n_steps: All steps of the training, those before a resumption included.
        loop: Collects the loss of each batch.
    """

    n_steps: int
    loop: _LoopCallback

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Build the schedule."""
        return super().create_scheduler(self.n_steps, optimizer)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Compute loss and gradients of one batch.

        Raises:
            ResourceError: If not even a single text fits, or other processes wait for this one.
        """
        accumulated = {weight: weight.grad.clone() for weight in model.parameters() if weight.grad is not None}
        while True:
            try:
                loss: torch.Tensor = super().training_step(model, dict(inputs), num_items_in_batch)
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                _shrink(self.loss, len(inputs["label"]), error)
            else:
                self.loop.batch_losses.append(loss)
                return loss
            for weight in model.parameters():  # whatever the failed attempt has added
                weight.grad = accumulated[weight].clone() if weight in accumulated else None
            return_memory()

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none: the card would print examples of the user's private text."""


def _is_out_of_memory(error: Exception) -> bool:
    """Recognise a GPU's error, which has a type, and the CPU allocator's, which only has words."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _shrink(loss: Any, batch: int, error: Exception) -> None:
    size, place = loss.mini_batch_size or batch, here()
    if place.size > 1:
        raise ResourceError(
            f"training: expected memory for {batch} texts in process {place.rank} of {place.size}, found too little",
            hint="lower train.batch_size or generate.window_tokens, or start more processes on further machines",
        ) from error
    if size == 1:
        raise ResourceError(
            "training: expected memory for the step of a single text, found too little",
            hint="use a smaller model or generate.window_tokens, or quantise its weights",
        ) from error
    loss.mini_batch_size = (size + 1) // 2
    _log.warning(
        "training: out of memory; encoding %d texts at a time from now on, the %d pairs of a batch stay together",
        loss.mini_batch_size, batch,
    )  # fmt: skip


class _LoopCallback(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Collects losses, stops on the first that is not finite, calls the hooks, and restores an earlier state.

    Attributes:
        first_step: Steps done before this process.
        losses: Of every step so far.
        batch_losses: Of the batches since the last step, each divided by their number.
        weights: Trainable weights after ``first_step``.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        settings: TrainingSettings,
        eval_steps: frozenset[int],
        hooks: Hooks,
        resume: State | None,
    ) -> None:
        self.first_step: int = resume["step"] if resume else 0
        self.losses: list[float] = list(resume["losses"]) if resume else []
        self.batch_losses: list[torch.Tensor] = []
        self.weights = resume["weights"] if resume else {}
        self._resume = resume
        self._model = model
        self._seed = settings.seed
        self._eval_steps = eval_steps
        self._hooks = hooks

    def on_train_begin(
        self, args: object, state: object, control: object, *, optimizer: Any, lr_scheduler: Any, **_: object
    ) -> None:
        """Restore optimiser and schedule."""
        if self._resume:
            optimizer.load_state_dict(self._resume["optimizer"])
            lr_scheduler.load_state_dict(self._resume["schedule"])

    def on_step_begin(self, args: object, state: Any, control: object, **_: object) -> None:
        """Set the random state of this process before the first step, after all that draws while the loop is set up."""
        if state.global_step:
            return
        rank, states = here().rank, self._resume["random"] if self._resume else []
        if rank < len(states):
            torch.set_rng_state(states[rank])
        elif rank:
            torch.manual_seed(self._seed + rank)

    def on_step_end(
        self, args: object, state: Any, control: object, *, optimizer: Any, lr_scheduler: Any, **_: object
    ) -> None:
        """Check the step, report it, evaluate if it is time, and offer the state."""
        step = self.first_step + state.global_step
        self._take_loss(step)
        self._hooks.on_progress(1)
        if step % _STEPS_BETWEEN_TRIMS == 0:
            return_memory()
        if step in self._eval_steps:
            self._model.eval()
            self._hooks.evaluate(step)
            self._model.train()
        self._hooks.on_step(
            step,
            lambda: {
                "step": step,
                "losses": self.losses,
                "weights": snapshot(self._model),
                "optimizer": optimizer.state_dict(),
                "schedule": lr_scheduler.state_dict(),
                "random": gather(torch.get_rng_state()),
            },
        )

    def on_train_end(self, args: object, state: Any, control: object, **_: object) -> None:
        """Evaluate the last step of a training that another callback has stopped before its end."""
        step = self.first_step + state.global_step
        if step not in self._eval_steps:
            self._model.eval()
            self._hooks.evaluate(step)

    def _take_loss(self, step: int) -> None:
        loss = float(sum(self.batch_losses))
        self.batch_losses.clear()
        if not math.isfinite(loss):
            first = f" (first loss {self.losses[0]:.3g})" if self.losses else ""
            raise DataError(f"training step {step}: expected a finite loss, found {loss}{first}", hint=_FINITE_HINT)
        # A finite loss says nothing about the update that came after it; a checkpoint of it would be of no use.
        trainable = ((name, weight) for name, weight in self._model.named_parameters() if weight.requires_grad)
        if broken := next((name for name, weight in trainable if not torch.isfinite(weight).all()), None):
            raise DataError(
                f"training step {step}: expected finite weights after the update, found others in {broken} (loss {loss:.3g})",
                hint=_FINITE_HINT,
            )
        self.losses.append(loss)
        emit(StepTrained(step=step, loss=loss))


def return_memory() -> None:
    """Give freed memory back to the system; glibc keeps what a step needed, in ever more pieces (4 GB after 46 steps)."""
    gc.collect()
    if libc := glibc():
        libc.malloc_trim(0)


@contextmanager
def new_garbage_only() -> Iterator[None]:
    """Look for garbage now, and then only among what is new: through all of torch it takes a third of a second each time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
