"""Fine-tunes a language model with LoRA on pairs of passage and query, by transformers' trainer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, TaskType, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    DataCollatorForSeq2Seq,
    EarlyStoppingCallback,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from embedtune.config.writer import WriterConfig
from embedtune.llm.generation import LEFT_OUT, encode, label_losses, log_loss, prompt_text
from embedtune.llm.local_models import LocalBase, load_weights
from embedtune.models.quantisation import fix_mode
from embedtune.progress import track_with_note
from embedtune.synthesis.writer.form import writer_prompt
from embedtune.synthesis.writer.pairs import Pair

_MOST_TOKENS, _LEAST_TOKENS, _ROOM = 128, 16, 1.25  # of a query, and what the longest that was seen may be exceeded by
_ADAPTERS = "all-linear"
_log = logging.getLogger("embedtune")


class Fitted(NamedTuple):
    """A fitted model and how it came about."""

    model: Any  # of peft, in evaluation mode, with the best weights
    loss_before: float  # mean negative log-likelihood (nats) of a token of the held-out queries
    by_epoch: list[float]  # the same after each epoch
    steps: int  # up to the best
    answer_tokens: int  # that a query may have

    @property
    def loss(self) -> float:
        """The loss of the weights that are kept."""
        return min(self.by_epoch)


def fit(base: LocalBase, train: Sequence[Pair], held_out: Sequence[Pair], config: WriterConfig) -> Fitted:
    """Fit an adapter; the loss is that of the query's tokens alone, and the best epoch on held-out queries is kept.

    Raises ``ConfigError`` if the model cannot be loaded.
    """
    torch.manual_seed(config.seed)
    model = load_weights(base, config.quantize)
    fix_mode(model)
    if config.quantize != "none":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    kind = TaskType.SEQ_2_SEQ_LM if base.config.is_encoder_decoder else TaskType.CAUSAL_LM
    lora = LoraConfig(task_type=kind, r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=_ADAPTERS)
    model = get_peft_model(model, lora)
    rows, batches = _rows(base, train), batches_of(base, held_out, config.batch_size)
    before = log_loss(model, batches)
    _log.info("a token of %d held-out queries costs %.3f nats before tuning", len(held_out), before)
    with TemporaryDirectory(prefix="embedtune-writer-") as scratch:
        by_epoch, best = _train(model, rows, batches, _collator(base), config, Path(scratch))
    return Fitted(model.eval(), before, by_epoch, best, _answer_tokens(rows))


def batches_of(base: LocalBase, pairs: Sequence[Pair], size: int) -> list[dict[str, torch.Tensor]]:
    """Return pairs as batches of tokens with labels."""
    rows, collate = _rows(base, pairs), _collator(base)
    return [collate(rows[start : start + size]) for start in range(0, len(rows), size)]


def _collator(base: LocalBase) -> Any:
    tokenizer = deepcopy(base.tokenizer)
    tokenizer.padding_side = "right" if base.config.is_encoder_decoder else "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=LEFT_OUT)


def _train(
    model: Any, rows: list[dict[str, list[int]]], batches: Any, collate: Any, config: WriterConfig, scratch: Path
) -> tuple[list[float], int]:
    n_batches = -(-len(rows) // config.batch_size)
    arguments = TrainingArguments(
        output_dir=str(scratch), per_device_train_batch_size=config.batch_size, num_train_epochs=config.epochs,
        learning_rate=config.learning_rate, lr_scheduler_type="linear", warmup_steps=max(1, n_batches * config.epochs // 10),
        eval_strategy="epoch", save_strategy="epoch", save_total_limit=1, load_best_model_at_end=True,
        metric_for_best_model="eval_loss", greater_is_better=False, logging_strategy="no", report_to=[], disable_tqdm=True,
        seed=config.seed, remove_unused_columns=False, dataloader_pin_memory=False, use_cpu=not torch.cuda.is_available(),
        label_names=["labels"], bf16=model.dtype == torch.bfloat16,
    )  # fmt: skip
    losses = list[float]()
    with track_with_note("tune the writer", n_batches * config.epochs) as show:
        trainer = _Trainer(
            model=model, args=arguments, train_dataset=rows, eval_dataset=rows[:1], data_collator=collate,
            callbacks=[EarlyStoppingCallback(config.patience), _Progress(lambda: show(1, _note(losses)))],
        )  # fmt: skip
        trainer.held_out, trainer.losses = batches, losses
        for callback in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(callback)
        trainer.train()
    return losses, n_batches * (losses.index(min(losses)) + 1)


def _note(losses: Sequence[float]) -> str:
    return f"held-out loss {losses[-1]:.3f}" if losses else ""


class _Trainer(Trainer):  # type: ignore[misc]  # transformers is not typed
    """Takes the loss of the query's tokens alone, and evaluates by their likelihood, over all tokens alike."""

    control: Any
    held_out: Any = ()
    losses: list[float]

    def compute_loss(self, model: Any, inputs: Mapping[str, torch.Tensor], *_: Any, **__: Any) -> torch.Tensor:
        """Return the mean loss of a batch."""
        return label_losses(model, inputs).mean()

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return the loss on the held-out queries."""
        self.losses.append(log_loss(self.model, self.held_out))
        metrics = {"eval_loss": self.losses[-1]}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class _Progress(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    def __init__(self, on_step: Callable[[], None]) -> None:
        self._on_step = on_step

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._on_step()


def _rows(base: LocalBase, pairs: Sequence[Pair]) -> list[dict[str, list[int]]]:
    """Return tokens and labels; those of the prompt have none."""
    tokenizer, is_causal = base.tokenizer, not base.config.is_encoder_decoder
    prompts = [prompt_text(tokenizer, writer_prompt(pair.passage), chats=base.chats) for pair in pairs]
    lead = " " if is_causal and not base.chats else ""  # a word in running text begins with its blank
    targets = tokenizer([f"{lead}{pair.query}" for pair in pairs], add_special_tokens=False, verbose=False)["input_ids"]
    rows = []
    for prompt, target in zip(encode(tokenizer, prompts, chats=base.chats), targets, strict=True):
        ended = [*target, tokenizer.eos_token_id]
        ids = [*prompt, *ended] if is_causal else prompt
        labels = [*[LEFT_OUT] * len(prompt), *ended] if is_causal else ended
        rows.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    return rows


def _answer_tokens(rows: Sequence[dict[str, list[int]]]) -> int:
    longest = max(sum(label != LEFT_OUT for label in row["labels"]) for row in rows)
    return max(_LEAST_TOKENS, min(_MOST_TOKENS, round(_ROOM * longest)))
