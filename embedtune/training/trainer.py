"""The training loop: sentence-transformers' trainer with our batches and our loss, which can stop and go on anywhere.

Memory that training steps leave behind.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from torch import nn
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from embedtune.errors import DataError, ResourceError
from embedtune.models.adapters import restore, snapshot
from embedtune.training.batches import BatchPlan
from embedtune.training.checkpoints import State


def return_memory() -> None:
    """Give freed memory back to the system; glibc keeps what a step needed, in ever more pieces (4 GB after 46 steps)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


@contextmanager
def new_garbage_only() -> Iterator[None]:
    """Look for garbage now, and then only among what is new: through all of torch it takes a third of a second each time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_STEPS_BETWEEN_TRIMS = 4
_FINITE_HINT = "lower train.learning_rate, or use --set train.precision=fp32"
_log = logging.getLogger("embedtune")


Examples = Mapping[str, Sequence[str]]
"""Texts by column, ``anchor`` (queries) first; ``positive`` (passages) only where passages are encoded."""


@dataclass(frozen=True)
class Recipe:
    """How to walk.

    Attributes:
        learning_rate: Peak; linear warm-up over the first tenth, then linear decay.
        weight_decay: AdamW's.
        precision: ``fp32`` or ``bf16`` (autocast; the trained weights stay fp32).
        seed: Of everything random that is left.
        check_at: Steps after which ``on_check`` is called; the last step is always one.
    """

    learning_rate: float
    weight_decay: float
    precision: str
    seed: int
    check_at: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Hooks:
    """What a training calls.

    Attributes:
        check: After the steps ``Recipe.check_at`` and the last one, with the step; may encode with the model.
        on_progress: With 1 after each step.
        keep: After each step, with the step and a function that gives the state to go on from; may raise to stop.
    """

    check: Callable[[int], None]
    on_progress: Callable[[int], None]
    keep: Callable[[int, Callable[[], State]], None]


def run_training(
    model: SentenceTransformer,
    examples: Examples,
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    recipe: Recipe,
    hooks: Hooks,
    *,
    resume: State | None = None,
) -> list[float]:
    """Train a model's trainable weights in place.

    Args:
        model: With an adapter or as a whole; frozen weights may be quantised.
        examples: All of them; labels are their positions.
        batches: Positions of each step's examples, see ``plan_epochs``.
        loss: Called with the features of each column and labels.
        recipe: See ``Recipe``.
        hooks: See ``Hooks``.
        resume: The state after an earlier step of the same training. On a CPU the rest then computes what it would have
            computed without a break, to the last bit.

    Returns:
        The loss of each step.

    Raises:
        DataError: If the loss is not a finite number.
    """
    watch = _Watch(model, recipe.check_at | {len(batches)}, hooks, resume)
    if watch.done:
        restore(model, watch.weights)
        hooks.on_progress(watch.done)
    if watch.done < len(batches):
        _walk(model, examples, batches, loss, recipe, watch)
    model.eval()
    return_memory()
    return watch.losses


def _walk(
    model: SentenceTransformer,
    examples: Examples,
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    recipe: Recipe,
    watch: _Watch,
) -> None:
    dataset = Dataset.from_dict({**examples, "label": list(range(len(examples["anchor"])))})
    with tempfile.TemporaryDirectory(prefix="embedtune-trainer-") as scratch:
        trainer = _Trainer(
            model=model,
            args=_arguments(scratch, batches, watch.done, recipe, _prompts(model, examples)),
            train_dataset=dataset,
            loss=loss,
            callbacks=[watch],
        )
        trainer.n_steps = len(batches)
        # Its progress bar and its printed dictionaries would mix with our own report.
        trainer.remove_callback(ProgressCallback)
        trainer.remove_callback(PrinterCallback)
        try:
            with new_garbage_only():
                trainer.train()
        finally:
            # The trainer leaves its autocast around the model's forward; in-memory vectors would stay bf16.
            trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)


def _prompts(model: SentenceTransformer, examples: Examples) -> dict[str, str]:
    """Return what stands in front of each column's texts, as in retrieval."""
    names = {"anchor": "query", "positive": "document"}
    return {column: prompt for column in examples if (prompt := model.prompts.get(names[column]))}


def _arguments(
    scratch: str, batches: Sequence[Sequence[int]], done: int, recipe: Recipe, prompts: dict[str, str]
) -> SentenceTransformerTrainingArguments:
    plan = BatchPlan(batches[done:])
    return SentenceTransformerTrainingArguments(
        output_dir=scratch,
        num_train_epochs=1,  # the plan holds all epochs
        per_device_train_batch_size=len(batches[0]),
        batch_sampler=lambda *_, **__: plan,
        prompts=prompts or None,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup_steps=max(1, len(batches) // 10),
        lr_scheduler_type="linear",
        bf16=recipe.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # the default would replace NaN by an average
        disable_tqdm=True,
        report_to="none",
        save_strategy="no",
        eval_strategy="no",
        dataloader_pin_memory=False,
    )


class _Trainer(SentenceTransformerTrainer):  # type: ignore[misc]  # sentence-transformers is not typed
    """The trainer with a schedule over all steps, even where only the last of them are left to do.

    A step that does not fit into memory is done again in mini-batches, half as large each time; the batch, and with it the
    number of negatives, stays.

    Attributes:
        n_steps: All steps of the training, those before a resumption included.
    """

    n_steps: int

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Build the schedule."""
        return super().create_scheduler(self.n_steps, optimizer)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Compute loss and gradients of one batch.

        Raises:
            ResourceError: If not even a single text fits.
        """
        while True:
            try:
                loss: torch.Tensor = super().training_step(model, dict(inputs), num_items_in_batch)
                return loss
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                _shrink(self.loss, len(inputs["label"]), error)
            model.zero_grad()  # what the failed candidate has left
            return_memory()

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none: the card would print examples of the user's private text."""


def _first_not_finite(model: nn.Module) -> str | None:
    for name, weight in model.named_parameters():
        if weight.requires_grad and not torch.isfinite(weight).all():
            return name
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """Recognise a GPU's error, which has a type, and the CPU allocator's, which only has words."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _shrink(loss: Any, batch: int, error: Exception) -> None:
    size = loss.mini_batch or batch
    if size == 1:
        raise ResourceError(
            "training: expected memory for the step of a single text, found too little",
            hint="use a smaller model or generate.window_tokens, or quantise its weights",
        ) from error
    loss.mini_batch = (size + 1) // 2
    _log.warning(
        "training: out of memory; encoding %d texts at a time from now on, the %d pairs of a batch stay together",
        loss.mini_batch, batch,
    )  # fmt: skip


class _Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Collects losses, stops on the first that is not finite, calls the hooks, and puts an earlier state back.

    Attributes:
        done: Steps done before this process.
        losses: Of every step so far.
        weights: Trainable weights after those steps.
    """

    def __init__(
        self, model: SentenceTransformer, check_at: frozenset[int], hooks: Hooks, resume: State | None
    ) -> None:
        self.done: int = resume["step"] if resume else 0
        self.losses: list[float] = list(resume["losses"]) if resume else []
        self.weights = resume["weights"] if resume else {}
        self._resume = resume
        self._model = model
        self._check_at = check_at
        self._hooks = hooks

    def on_train_begin(
        self, args: object, state: object, control: object, *, optimizer: Any, lr_scheduler: Any, **_: object
    ) -> None:
        """Put optimiser and schedule back to where they were."""
        if self._resume:
            optimizer.load_state_dict(self._resume["optimizer"])
            lr_scheduler.load_state_dict(self._resume["schedule"])

    def on_step_begin(self, args: object, state: Any, control: object, **_: object) -> None:
        """Put the random numbers back before the first step, after all that draws while the loop is set up."""
        if self._resume and state.global_step == 0:
            torch.set_rng_state(self._resume["random"])

    def on_step_end(self, args: object, state: Any, control: object, **_: object) -> None:
        """Report the step and check if it is time."""
        step = self.done + state.global_step
        self._hooks.on_progress(1)
        if step % _STEPS_BETWEEN_TRIMS == 0:
            return_memory()
        if step in self._check_at:
            self._model.eval()
            self._hooks.check(step)
            self._model.train()

    def on_log(
        self,
        args: object,
        state: Any,
        control: object,
        *,
        logs: dict[str, float],
        optimizer: Any = None,
        lr_scheduler: Any = None,
        **_: object,
    ) -> None:
        """Take the loss of one step; it comes when the step is over."""
        loss = logs.get("loss")
        if loss is None:
            return
        step = self.done + state.global_step
        if not math.isfinite(loss):
            raise DataError(f"training step {step}: expected a finite loss, found {loss}", hint=_FINITE_HINT)
        # A finite loss says nothing about the update that came after it; a checkpoint of it would be of no use.
        if broken := _first_not_finite(self._model):
            raise DataError(
                f"training step {step}: expected finite weights after the update, found others in {broken} (loss {loss:.3g})",
                hint=_FINITE_HINT,
            )
        self.losses.append(loss)
        self._hooks.keep(
            step,
            lambda: {
                "step": step,
                "losses": self.losses,
                "weights": snapshot(self._model),
                "optimizer": optimizer.state_dict(),
                "schedule": lr_scheduler.state_dict(),
                "random": torch.get_rng_state(),
            },
        )
