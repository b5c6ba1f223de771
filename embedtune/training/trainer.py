"""The training loop: sentence-transformers' trainer with our batches and our loss."""

from __future__ import annotations

import ctypes
import gc
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from torch import nn
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from embedtune.errors import DataError
from embedtune.training.pairs import Pair
from embedtune.training.sampler import BatchPlan

_STEPS_BETWEEN_TRIMS = 4


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


def run_training(
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    recipe: Recipe,
    *,
    on_check: Callable[[int], None],
    report: Callable[[int], None],
) -> list[float]:
    """Train a model's trainable weights in place.

    Args:
        model: With an adapter; frozen weights may be quantised.
        pairs: All pairs; labels are their positions.
        batches: Positions of each step's pairs, see ``plan_epochs``.
        loss: Called with (query features, passage features) and labels.
        recipe: See ``Recipe``.
        on_check: Called after the steps ``recipe.check_at`` with the step; may encode with the model.
        report: Called with 1 after each step.

    Returns:
        The loss of each step.

    Raises:
        DataError: If the loss is not a finite number.
    """
    dataset = Dataset.from_dict(
        {
            "anchor": [pair.anchor for pair in pairs],
            "positive": [pair.positive for pair in pairs],
            "label": list(range(len(pairs))),
        }
    )
    watch = _Watch(model, recipe.check_at | {len(batches)}, on_check, report)
    _walk(model, dataset, batches, loss, recipe, watch)
    model.eval()
    _return_memory()
    return watch.losses


def _walk(
    model: SentenceTransformer,
    dataset: Dataset,
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    recipe: Recipe,
    watch: TrainerCallback,
) -> None:
    with tempfile.TemporaryDirectory(prefix="embedtune-trainer-") as scratch:
        arguments = _arguments(scratch, batches, recipe)
        trainer = _Trainer(model=model, args=arguments, train_dataset=dataset, loss=loss, callbacks=[watch])
        # Its progress bar and its printed dictionaries would mix with our own report.
        trainer.remove_callback(ProgressCallback)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        # The trainer leaves its autocast around the model's forward; in-memory vectors would stay bf16.
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)


def _return_memory() -> None:
    """Give freed memory back to the system; glibc keeps what a step needed, in ever more pieces (4 GB after 46 steps)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _arguments(scratch: str, batches: Sequence[Sequence[int]], recipe: Recipe) -> SentenceTransformerTrainingArguments:
    import torch

    plan = BatchPlan(batches)
    return SentenceTransformerTrainingArguments(
        output_dir=scratch,
        num_train_epochs=1,  # the plan holds all epochs
        per_device_train_batch_size=len(batches[0]),
        batch_sampler=lambda *_, **__: plan,
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
    """The trainer without its model card, which would print examples of the user's private text."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none."""


class _Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Collects losses, stops on the first that is not finite, and calls back at the checks."""

    def __init__(
        self,
        model: SentenceTransformer,
        check_at: frozenset[int],
        on_check: Callable[[int], None],
        report: Callable[[int], None],
    ) -> None:
        self.losses: list[float] = []
        self._model = model
        self._check_at = check_at
        self._on_check = on_check
        self._report = report

    def on_log(self, args: object, state: Any, control: object, logs: dict[str, float], **_: object) -> None:
        """Take the loss of one step."""
        loss = logs.get("loss")
        if loss is None:
            return
        if not -float("inf") < loss < float("inf"):
            raise DataError(
                f"training step {state.global_step}: expected a finite loss, found {loss}",
                hint="lower train.learning_rate, or use --set train.precision=fp32",
            )
        self.losses.append(loss)

    def on_step_end(self, args: object, state: Any, control: object, **_: object) -> None:
        """Report the step and check if it is time."""
        self._report(1)
        if state.global_step % _STEPS_BETWEEN_TRIMS == 0:
            _return_memory()
        if state.global_step in self._check_at:
            self._model.eval()
            self._on_check(state.global_step)
            self._model.train()
