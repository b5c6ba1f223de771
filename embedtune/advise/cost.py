"""What encoding and tuning would take on this machine: a few real steps are timed, nothing is looked up in a table."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from embedtune import machine
from embedtune.advise.caching_encoder import CachingEncoder
from embedtune.advise.result import Cost, TuningCost
from embedtune.config.settings import TrainConfig
from embedtune.dataset import Dataset
from embedtune.errors import DataError
from embedtune.progress import track
from embedtune.training.methods.context import Context
from embedtune.training.methods.contrastive import prepare_both_sides
from embedtune.training.methods.gradient import GradientTraining
from embedtune.training.methods.query_lora import prepare_query_lora
from embedtune.types import Progress, QuerySet

TIMED_STEPS = 2
"""Steps that are timed, after one that is not: the first sets up kernels and memory."""

_SEARCHES = 4  # of the dev set: by the base, twice on the way, at half strength
_SAMPLED_S = 0.02


@dataclass
class Workload:
    """What the tuning of the whole corpus would have to do.

    Attributes:
        corpus_tokens: Tokens of all windows of the corpus.
        dev_tokens: Tokens of the windows that dev retrieval searches.
        train_queries: There would be, at least.
    """

    corpus_tokens: int
    dev_tokens: int
    train_queries: int


@dataclass
class _Peak:
    n_bytes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


def measure_cost(context: Context, base: CachingEncoder, work: Workload) -> Cost:
    """Time real steps of both ways to tune, and reckon what the whole would take with the settings of ``train``.

    Args:
        context: Of the sample.
        base: Has encoded the sample, and knows what that took.
        work: What there would be to do.

    """
    speed = base.document_tokens / max(1e-9, base.document_seconds)
    encode = work.corpus_tokens / max(1e-9, speed)
    dev = _SEARCHES * work.dev_tokens / max(1e-9, speed)
    with track("time training steps", 2 * (TIMED_STEPS + 1)) as on_progress:
        query_side = _query_side(context, encode, _n_steps_query_side(work), on_progress)
        both_sides = _both_sides(context, dev, _n_steps_both_sides(work), on_progress)
    memory = machine.memory()
    return Cost(
        cores=machine.cores(),
        precision=context.base.precision,
        tokens_per_second=round(speed),
        encode_corpus_seconds=round(encode, 1),
        query_side=query_side,
        both_sides=both_sides,
        memory_available_bytes=memory.available,
        memory_total_bytes=memory.total,
    )


def _n_steps_query_side(work: Workload) -> int:
    side = TrainConfig().query_side
    return max(1, min(side.max_queries, work.train_queries) // side.batch_size) * side.epochs


def _n_steps_both_sides(work: Workload) -> int:
    config = TrainConfig()
    pairs = min(config.max_pairs or work.train_queries, work.train_queries)
    return max(1, pairs // config.batch_size) * config.epochs


def _query_side(context: Context, encoding: float, n_steps: int, on_progress: Progress) -> TuningCost | None:
    n_train, batch = len(context.dataset.splits["train"].queries), TrainConfig().query_side.batch_size
    try:
        prepared = prepare_query_lora(_smaller(context, (TIMED_STEPS + 1) * batch))
    except DataError:
        return None
    size = min(batch, len(prepared.rows) // (TIMED_STEPS + 1))
    if n_train < batch or not size:
        return None
    rows = np.arange((TIMED_STEPS + 1) * size).reshape(TIMED_STEPS + 1, size).tolist()
    return _time_steps(context, prepared, rows, encoding, n_steps, on_progress)


def _both_sides(context: Context, searching: float, n_steps: int, on_progress: Progress) -> TuningCost | None:
    config = TrainConfig(max_pairs=3 * (TIMED_STEPS + 1) * TrainConfig().batch_size, seed=context.config.seed)
    try:
        prepared = prepare_both_sides(replace(context, config=config), "lora")
    except DataError:
        return None
    if len(prepared.batches) < TIMED_STEPS + 1:
        return None
    return _time_steps(context, prepared, prepared.batches[: TIMED_STEPS + 1], searching, n_steps, on_progress)


def _time_steps(
    context: Context,
    prepared: GradientTraining,
    batches: Sequence[Sequence[int]],
    other_seconds: float,
    n_steps: int,
    on_progress: Progress,
) -> TuningCost:
    """Train for some steps, as ``train`` does, and return what all steps would take, and the peak memory of the process."""
    from embedtune.training.trainer import Hooks, TrainingSettings, run_training

    moments = []

    def step(done: int) -> None:
        moments.append(time.perf_counter())
        on_progress(done)

    settings = TrainingSettings(1e-6, weight_decay=0.0, precision=context.base.precision, seed=context.config.seed)
    with _peak_memory() as peak:
        run_training(
            prepared.tuned.model, prepared.examples, batches, prepared.loss, settings,
            Hooks(evaluate=lambda _: None, on_progress=step, on_step=lambda *_: None),
        )  # fmt: skip
    seconds = round(statistics.mean(np.diff(moments).tolist()), 3)
    return TuningCost(
        batch=len(batches[0]),
        step_seconds=seconds,
        memory_bytes=peak.n_bytes,
        steps=n_steps,
        seconds=round(other_seconds + n_steps * seconds),
    )


@contextmanager
def _peak_memory() -> Iterator[_Peak]:
    """Look at the memory of this process fifty times a second."""
    import psutil

    process, peak = psutil.Process(), _Peak()

    def look() -> None:
        while not peak.stop.wait(_SAMPLED_S):
            peak.n_bytes = max(peak.n_bytes, int(process.memory_info().rss))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        peak.stop.set()
        watcher.join()


def _smaller(context: Context, n_queries: int) -> Context:
    train = context.dataset.splits["train"]
    kept = train.queries[:: max(1, len(train.queries) // n_queries)][:n_queries]
    part = QuerySet("train", kept, {query.query_id: train.qrels[query.query_id] for query in kept}, train.judged_unit)
    return replace(context, dataset=Dataset(context.dataset.passages, {**context.dataset.splits, "train": part}))
