"""Recipes of other libraries, trained by sentence-transformers, and what a training costs.

Every peer trains all weights on the columns ``anchor`` and ``positive``, in batches without duplicates, with linear warm-up
over a tenth of the steps, in bf16 where we do. ``mnrl`` is MultipleNegativesRankingLoss at 2e-5, 3 epochs, batch 32;
``mnrl-mined`` adds two negatives a pair by ``mine_hard_negatives`` (of the first 50, relative margin 0.05), which drops pairs
that have fewer;
``cached-gist`` is CachedGISTEmbedLoss guided by the base, batch 64. ``flagembedding`` has FlagEmbedding's published temperature
0.02, 1e-5 and 7 negatives of ranks 2 to 200; 5 epochs, batches of 16. FlagEmbedding itself draws one answer of a query and 7
of its 15 mined negatives anew in each epoch; here every answer is a row, with 7 drawn once. It trains CLS pooling in fp16; here
the base keeps its pooling.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from embedtune.models.encoder import choose_precision, find_accelerator


class Peer(NamedTuple):
    """A recipe of another library: ``mined`` are arguments of ``mine_hard_negatives``, ``scale`` of the loss."""

    learning_rate: float
    epochs: int
    batch: int
    mined: Mapping[str, Any] | None = None
    scale: float = 20.0
    guided: bool = False


PEERS = {
    "mnrl": Peer(2e-5, 3, 32),
    "mnrl-mined": Peer(2e-5, 3, 32, {"num_negatives": 2, "range_max": 50, "relative_margin": 0.05}),
    "cached-gist": Peer(2e-5, 3, 64, guided=True),
    "flagembedding": Peer(
        1e-5, 5, 16, {"num_negatives": 7, "range_min": 2, "range_max": 200, "sampling_strategy": "random"}, 50.0
    ),
}


_PACE_STEPS = 8


class Training:
    """Measures a training, and stops it after so many seconds of processor time."""

    def __init__(self, seconds: float | None = None) -> None:
        from transformers import TrainerCallback

        class _Callback(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
            steps = 0

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.steps += 1
                if seconds and time.process_time() - started > seconds:
                    control.should_training_stop = True

        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak of memory begins anew
        self._started, self._processor_started = time.time(), (started := time.process_time())
        self.callback = _Callback()

    def cost(self) -> dict[str, int]:
        """Return seconds by the clock and of processor, steps and the peak of resident memory since the start."""
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        peak = int(status.partition("VmHWM:")[2].split()[0]) >> 10
        seconds, processor = time.time() - self._started, time.process_time() - self._processor_started
        return {
            "seconds": round(seconds), "processor_seconds": round(processor), "steps": self.callback.steps, "peak_mib": peak,
        }  # fmt: skip


def rows_of(peer: Peer, model: Any, pairs: Sequence[Mapping[str, str]], corpus: Sequence[str]) -> Any:
    """Return the columns to train on, with hard negatives by the untrained model where the recipe has them."""
    from datasets import Dataset as Rows
    from sentence_transformers.util import mine_hard_negatives

    rows = Rows.from_list(list(pairs))
    if not peer.mined:
        return rows
    mined = {**peer.mined, "range_max": min(peer.mined["range_max"], len(corpus) - 1)}
    prompts = {"query_prompt": model.prompts.get("query"), "corpus_prompt": model.prompts.get("document")}
    return mine_hard_negatives(
        rows, model, corpus=list(corpus), output_format="n-tuple", verbose=False, **prompts, **mined
    )


def fill(peer: Peer, model: Any, guide: Any, rows: Any, seconds: float) -> Peer:
    """Return the recipe with as many epochs as fit into the processor time, by a few steps of a copy; at least one."""
    from transformers import TrainerCallback

    times: list[float] = []

    class _Callback(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            times.append(time.process_time())
            control.should_training_stop = len(times) > _PACE_STEPS

    train_peer(peer, deepcopy(model), guide, rows, 0, _Callback())
    of_step = (times[-1] - times[0]) / max(1, len(times) - 1)
    return peer._replace(epochs=max(1, int(seconds / of_step / -(-len(rows) // peer.batch))))


def train_peer(peer: Peer, model: Any, guide: Any, rows: Any, seed: int, callback: Any) -> None:
    """Train a model in place, guided by another where the recipe has a guide."""
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer import losses
    from transformers import set_seed

    set_seed(seed)
    prompts = {name: model.prompts.get("query" if name == "anchor" else "document") for name in rows.column_names}
    loss = losses.MultipleNegativesRankingLoss(model, scale=peer.scale)
    if peer.guided:
        loss = losses.CachedGISTEmbedLoss(model, guide)
    n_steps = peer.epochs * -(-len(rows) // peer.batch)
    with TemporaryDirectory() as scratch:
        arguments = SentenceTransformerTrainingArguments(
            scratch, num_train_epochs=peer.epochs, per_device_train_batch_size=peer.batch, seed=seed,
            learning_rate=peer.learning_rate, warmup_steps=-(-n_steps // 10), batch_sampler="no_duplicates",
            prompts={name: prompt for name, prompt in prompts.items() if prompt} or None,
            bf16=choose_precision("auto") == "bf16", use_cpu=find_accelerator() is None, save_strategy="no",
            report_to="none", dataloader_pin_memory=False, disable_tqdm=True,
        )  # fmt: skip
        trainer = SentenceTransformerTrainer(model, arguments, train_dataset=rows, loss=loss, callbacks=[callback])
        trainer.train()
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # it leaves its autocast around the model
    model.eval()
